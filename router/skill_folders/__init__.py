"""Folders of SKILL.md files, read as packs; and the router skill, written from one."""
