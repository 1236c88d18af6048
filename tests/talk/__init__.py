"""The scenarios of examples/talk: what each claims is asserted, with wide margins."""
