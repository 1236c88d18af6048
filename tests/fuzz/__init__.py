"""Bytes that no peer should send, by the thousand, against a program with an agent."""
