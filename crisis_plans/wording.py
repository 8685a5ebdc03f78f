"""Fixed words of every plan. They are not data, not settings and not translatable: nobody can edit them (S03)."""

# S03: the first thing on every rendering of a plan, on screen, print and in files.
EMERGENCY_TEXT = "This plan never limits emergency care. Assess the person on what is happening today."
OWN_WORDS = "In their own words"
NOT_THEIR_WORDS = "What others have seen help – not their own words"
