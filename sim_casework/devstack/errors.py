"""The one exception by which the stack says, in words, why it does not start or go on."""


class StackRefusedError(Exception):
    """Its message is shown to the person who started the stack."""
