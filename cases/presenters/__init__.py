"""Rows as words, dates, tags and links for templates. No presenter makes a query."""
