"""One module per place the product runs in: demo, test, production; all start from base."""
