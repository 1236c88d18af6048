"""The claims of a talk about web servers, played: ``python -m examples.talk [NAME ...]``."""
