"""What the words of a turn tell: does it lean on what came before, correct it, or only thank?

All lists are English. In a conversation in another language none of them is found, and
`english_share` is low, so that the last turn is read alone.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from router.arrays import Floats
from router.text import Phrases, words_of

_JOINING = frozenset("and also plus or but so then ok okay hmm well even".split())
_FRAGMENT = frozenset(
    "with without in on at for from over by until till since to as into after before during under"
    " above between about only just not the a an my your better more less same if".split()
)
"""First words of a turn that is less than a sentence: "on sundays?", "with a sea view"."""

_ASKING = frozenset(
    "how what when where which who why is are do does did can could may should will would have has"
    " was were am".split()
)
_POINTING = frozenset(
    "it its it's that that's this those these they them their he she him his her one ones there"
    " then".split()
)
_NOT_POINTING = frozenset({("is", "there"), ("are", "there"), ("there", "is"), ("there", "are")})
_SELF = frozenset("i i'm i've i'd i'll we we're we've we'd my our me us".split())

_LEANING = Phrases.of(
    """what about
how about
same
as well
too
also
instead
else
either
another
other
others
old one
new one
both
again
the rest
still
more
less
next to it
likewise
neither
even""".splitlines()
)
_SWITCHING = Phrases.of(
    """different topic
different question
different thing
different subject
other topic
other question
other thing
another thing
another question
another topic
one more thing
one more question
next question
new question
new topic
separate question
separately
something else
unrelated
btw
by the way
off topic
on another note""".splitlines()
)
_CORRECTING_FIRST = frozenset("no nope nah wrong actually sorry wait oops rather not hm".split())
_CORRECTING = Phrases.of(
    """i mean
i meant
what i mean
what i meant
meant
i only wanted
i just wanted
not that
never mind
nevermind
forget it
wrong word
that's wrong
that's not
it's not
it isn't
is not what
not what i
no wait
no sorry
sorry no
no not
no no
i didn't mean
i don't mean
misunderstood
rather than
no i""".splitlines()
)

_CLOSING = Phrases.of(
    """thanks
thank
thankyou
thx
tnx
ty
cheers
bye
goodbye
bye bye
see you
see ya
cya
later
got it
perfect
great
cool
awesome
wonderful
brilliant
lovely
super
nice
excellent
fantastic
amazing
fine
ok
okay
alright
all right
good night
goodnight
good day
nice day
will do
makes sense
appreciate
appreciated
that's all
that is all
that's it
that was it
you're the best
all good
all set
understood
works now
found it
good to know
helps
helped
noted""".splitlines()
)
_COURTEOUS = frozenset(
    "thanks thank thankyou thx tnx ty cheers bye goodbye see you ya cya later got it perfect great"
    " cool awesome wonderful brilliant lovely super nice excellent fantastic amazing fine ok okay"
    " alright all right good night goodnight day will do makes sense appreciate appreciated that's"
    " that is was you're the best set understood works now found to know helps helped noted so very"
    " much many a lot i i'll we we'll your for help helpful again then yes yeah yep and have ah oh"
    " well just what needed wanted really too fast quick answer sure try think about there talk"
    " soon everyone guys man mate dear".split()
)
_GRATEFUL = Phrases.of(
    """thanks
thank
thankyou
thx
ty
cheers
bye
goodbye
see you
that's all
that's it""".splitlines()
)
_REQUESTING = Phrases.of(
    """how
what about
when
where
which
who
why
can
could
please
need
want
show
turn
do""".splitlines()
)
_STRAY_AFTER_THANKS, _STRAY_BEFORE_THANKS, _LONGEST_THANKS = 3, 1, 9
"""Words that are not courteous in "thanks, I'll ask Peter" and in "printed, thank you"; and the
words of the longest turn that may have any."""

_COMMON = frozenset(
    "the a an and or but if so then of to in on at for from with without by about as into is are"
    " was were be been am do does did can could will would should may have has had i we you he she"
    " it they me us my our your his her its their this that these those there what which who when"
    " where why how not no yes please thanks ok okay also too just only all some any more i'm i'd"
    " it's don't".split()
)
"""Words that English sentences are full of."""

_ENOUGH_COMMON = 0.2
"""The share of common words from which on a conversation is taken to be in English."""

CUES = (
    "length",
    "joining",
    "fragment",
    "asking",
    "pointing",
    "leaning",
    "switching",
    "speaks_of_self",
    "correcting",
    "short",
)
"""The names of the columns that `cues` gives."""


def cues(words: Sequence[str]) -> Floats:
    """Describe a turn by its words. Shape: (n_cues,), in the order of `CUES`."""
    first = words[0] if words else ""
    start = 1 if first in _JOINING else 0
    second = words[start] if len(words) > start else ""
    return np.array(
        [
            np.log1p(len(words)),
            first in _JOINING,
            second in _FRAGMENT,
            second in _ASKING,
            np.log1p(_pointing(words)),
            _LEANING.match(words),
            _SWITCHING.match(words),
            not _SELF.isdisjoint(words),
            corrects(words),
            max(0.0, (6 - len(words)) / 5),
        ],
        dtype=np.float64,
    )


def _pointing(words: Sequence[str]) -> int:
    """Count the words that point at something said before."""
    found = sum(word in _POINTING for word in words)
    return found - sum(pair in _NOT_POINTING for pair in pairwise(words))


def corrects(words: Sequence[str]) -> float:
    """Tell how much a turn sounds like a correction: 0, 0.5 or 1."""
    opens = bool(words) and words[0] in _CORRECTING_FIRST
    return 0.5 * opens + 0.5 * _CORRECTING.match(words)


_OPENING = re.compile(
    r"^\W*(?:(?:no+|nope|nah|hm+|well|wrong|actually|sorry|wait|oops|my bad|wrong word|never ?mind"
    r"|forget (?:it|that)|rather|what|i|we|mean|meant|meaning|said|it'?s|is|was|just|only)\b[\s,.:;!-]*)+",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"^\W*(?:(?:no+|sorry|actually|wait|hm+|oops|well|what)\W+)*"
    r"(?:it'?s |it is |that'?s |i'?m |i am |i |we )?(?:do |did |was |were |is )?"
    r"(?:not|isn'?t|wasn'?t|didn'?t|don'?t|never ?mind|forget|no need)\b[^,.;:!?]*[,.;:!?]\s*",
    re.IGNORECASE,
)


def instead_of(text: str) -> str:
    """Give what a correction says instead: "no, not the door, the shades" says "the shades".

    A text of which nothing would be left is given as it is.
    """
    rest = _OPENING.sub("", _DENIED.sub("", text, count=1), count=1).strip()
    return rest if words_of(rest) else text


def is_acknowledgement(text: str, words: Sequence[str]) -> bool:
    """Tell whether a turn only thanks, agrees or says goodbye."""
    if not words or "?" in text or not _CLOSING.match(words):
        return False
    stray = sum(word not in _COURTEOUS for word in words)
    return stray == 0 or stray <= _stray_words(words)


def _stray_words(words: Sequence[str]) -> int:
    """Count the words of another kind that a thank or a goodbye may have."""
    if len(words) > _LONGEST_THANKS or _REQUESTING.match(words) or not _GRATEFUL.match(words):
        return 0
    return _STRAY_AFTER_THANKS if _CLOSING.match(words[:2]) else _STRAY_BEFORE_THANKS


def english_share(words: Sequence[str]) -> float:
    """Tell how sure it is that a conversation is in English, by its common words; in [0, 1]."""
    if not words:
        return 0.0
    return min(1.0, sum(word in _COMMON for word in words) / len(words) / _ENOUGH_COMMON)
