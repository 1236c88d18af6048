"""The documentation site, once it is built.

``python -m tests.site build/site`` follows every link within it, sees that it asks no other host
for anything and that its search has an index; ``--browser`` has axe look at some pages, light,
dark and on a phone, where there is a Chromium.
"""
