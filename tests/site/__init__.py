"""The documentation site, once it is built.

``python -m tests.site build/site`` follows every link within it, sees that it asks no other host
for anything and that its search has an index; ``--browser`` has axe look at all pages on a phone,
and at one of each kind light and dark, where there is a Chromium.
"""
