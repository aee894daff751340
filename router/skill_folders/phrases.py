"""How documents word what a skill is for, what it is not for, and which skill comes next."""

import re

_USE = r"(?:use|apply|invoke|load|activate|trigger|call)"
_REFER = r"(?:use|see|try|call|load|invoke|goes to|go to|belongs to|→|->|=>|prefer)"
_SKIPPED = r"[\s,;:.()/–—-]"

INTRODUCES_USES = re.compile(
    rf"when (?:to|you(?:'d| would| should)?|should(?: you| i)?) (?:{_USE}|reach)"
    r"|\buse (?:it |this )?(?:skill )?(?:when|for|if|this)|use cases?\b|symptoms?\b|\btriggers?\b"
    r"|trigger (?:phrases|words|conditions)|example (?:quer|prompt|request|question|user)"
    r"|(?:users?|people|someone|they|you) (?:might |may |could |can )?(?:say|ask)"
    r"|\bload this skill",
    re.IGNORECASE,
)
"""A heading or label above a list of uses, or a sentence that names a use."""

USE_LEAD_IN = re.compile(
    r"^(?:(?:you )?must |always |also |proactively )*"
    rf"{_USE}s?(?: (?:this|the|it)(?: skill)?)?(?: proactively| also| especially)?"
    r"(?: (?:when(?:ever)?|if|for|before|after|to|any ?time|during|while))?\s+"
    r"|^(?:also |especially )?(?:when(?:ever)?|if)"
    r" (?=(?:the |a )?(?:user|someone|you|working|asked))"
    r"|^triggers?(?: include| on| for| when|s)?\s*:?\s+|^symptoms?:\s+|^examples?:\s+",
    re.IGNORECASE,
)
"""The beginning of "Use this skill when the user wants to merge files"."""

USER_LEAD_IN = re.compile(
    r"^(?:the |a )?(?:users?|someone|somebody|people|you)(?:['’]s)?(?: also)?"
    r"(?: (?:explicitly|needs?|wants?|asks?|requests?|mentions?|says?|has|have|is|are|would like"
    r"|might|may))*(?: (?:to|for|about|you to|with help|help|that))*\s+",
    re.IGNORECASE,
)
"""What follows it: "the user wants to"."""

REFERENCE = rf"\b{_REFER} (?:the )?"
"""What stands before the name of a skill that the reader is sent to."""

REFUSAL_LEAD_IN = re.compile(
    r"^.*?\b(?:do(?:n[’']t| not)|never|not|skip|avoid)\b(?: to)?"
    rf"(?: (?:{_USE}|cover|handle|intended))*(?: (?:this|it|skill|when|if|for))*\b",
    re.IGNORECASE,
)
"""The beginning of "Do not use this skill for tyres"."""

TOPIC_EDGES = re.compile(
    rf"^(?:{_SKIPPED}|(?:and|or|for|but)\b)+"
    rf"|(?:{_SKIPPED}|\b(?:{_REFER}|the|instead|skills?|and|or|with|to|is|that|which)\b)+$",
    re.IGNORECASE,
)
"""Words around a topic that are no part of it."""

BEFORE_NEXT = re.compile(
    r"\b(?:then|next|afterwards|followed by|hands? (?:it |this )?over to|proceeds? (?:to|with)"
    r"|continues? with|moves? on to|goes on with|before)\b[^.;]{0,60}$",
    re.IGNORECASE,
)
"""What stands before the name of the skill that comes next."""

BEFORE_PREVIOUS = re.compile(
    r"\b(?:after|once|following|requires|depends on|prerequisite|comes after)\b[^.;,]{0,40}$",
    re.IGNORECASE,
)
"""What stands before the name of the skill that comes first."""

NAMES_AN_ORDER = re.compile(
    r"\b(?:order|sequence|pipeline|step|phase|workflow|stages?)", re.IGNORECASE
)
"""A heading above a list of skills in execution order."""

ARROW = re.compile(r"[\s`*]*(?:→|->|=>|,? then|,? followed by)[\s`*]*")
"""What stands between the names of two skills in execution order."""

_GENERIC_HEADINGS = """
overview, introduction, quick start, quick reference, getting started, usage, requirements, setup,
installation, prerequisites, instructions, examples, example, references, resources, notes, output,
workflow, process, steps, best practices, checklist, troubleshooting, dependencies, output format,
input, summary, related skills, when to use, when not to use, core principle, the process, tools,
common mistakes, red flags, key principles, decide, procedure, verify, rollback, roll back,
first questions, hand over, what goes wrong, table of contents, contents, limitations, background,
configuration, conclusion, integration, remember, see also, scripts, context, purpose, goal, goals,
guidelines, success criteria, anti-patterns, core concepts, core workflow, quick workflow, approach,
next steps, structure, types, style, templates, assets, reference documentation, bundled resources,
customization
"""
GENERIC_HEADINGS = frozenset(" ".join(_GENERIC_HEADINGS.split()).split(", "))
"""Headings that say nothing about the skill."""

_COMMON_WORDS = """
about after also another any before between both check each every file files first from have into
make more most need only other output over read same should skill than that their them then there
these they this tool tools used user users using want what when where whether which with without
work write your
"""
COMMON_WORDS = frozenset(_COMMON_WORDS.split())
"""Words of four letters and more that do not tell skills apart."""

_FUNCTION_WORDS = """
a an and are as at be but by can do does for from get has have how i if in is it its just me my no
not of on one or our out s so than that the their them then there this to up use us want was we
what when where which who why will with you your
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
"""Words that give a query its form, not its subject."""
