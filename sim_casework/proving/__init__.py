"""Proves that nothing leaves unrecorded: plants canaries in every record, walks every page, and reads what comes back.

For a database of its own with invented people, never for real data. Run by ``manage.py prove_trail`` and by the tests.
"""
