"""The mutation run of ``make prove``: each permission check, recorder call and policy is taken away, one at a time, and a test must notice.

``removals`` says what a removal is, ``generated`` finds them in the source and in the database's catalogue, ``listed``
has those that are conditions inside of an expression, ``run`` is the pytest plugin that carries them out.
"""
