"""Is what lies on this disk complete, readable, licensed, and apart from its test splits?"""
