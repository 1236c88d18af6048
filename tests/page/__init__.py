"""What people look at: the live page, and what it reads."""
