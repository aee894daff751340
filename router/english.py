"""English words and phrases that tell how a turn relates to what came before it.

In a conversation in another language none of them is found.
"""

import re

from router.text import Phrases


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _phrases(text: str) -> Phrases:
    """Read one phrase between each two commas."""
    return Phrases.of(text.split(","))


JOINING = _words(
    """
    and also plus or but so then ok okay hmm well even
    """
)
"""First words that join a turn to the one before."""

FRAGMENT = _words(
    """
    with without in on at for from over by until till since to as into after before during under
    above between about only just not the a an my your better more less same if
    """
)
"""First words of a turn that is less than a sentence, as in "on sundays?"."""

ASKING = _words(
    """
    how what when where which who why is are do does did can could may should will would have
    has was were am
    """
)
"""First words of a question."""

POINTING = _words(
    """
    it its it's that that's this those these they them their he she him his her one ones there
    then
    """
)
"""Words that point at something said before."""

NOT_POINTING = frozenset({("is", "there"), ("are", "there"), ("there", "is"), ("there", "are")})
"""Pairs of words in which "there" points at nothing."""

SELF = _words(
    """
    i i'm i've i'd i'll we we're we've we'd my our me us
    """
)
"""Words by which users speak of themselves."""

LEANING = _phrases(
    """
    what about, how about, same, as well, too, also, instead, else, either, another, other,
    others, old one, new one, both, again, the rest, still, more, less, next to it, likewise,
    neither, even
    """
)
"""What is said of something besides what was spoken of."""

SWITCHING = _phrases(
    """
    different topic, different question, different thing, different subject, other topic, other
    question, other thing, another thing, another question, another topic, one more thing, one
    more question, next question, new question, new topic, separate question, separately,
    something else, unrelated, btw, by the way, off topic, on another note
    """
)
"""What announces another topic."""

CORRECTING_FIRST = _words(
    """
    no nope nah wrong actually sorry wait oops rather not hm
    """
)
"""First words of a correction."""

CORRECTING = _phrases(
    """
    i mean, i meant, what i mean, what i meant, meant, i only wanted, i just wanted, not that,
    never mind, nevermind, forget it, wrong word, that's wrong, that's not, it's not, it isn't,
    is not what, not what i, no wait, no sorry, sorry no, no not, no no, i didn't mean, i don't
    mean, misunderstood, rather than, no i
    """
)
"""What a correction says."""

CORRECTING_OPENING = re.compile(
    r"^\W*(?:(?:no+|nope|nah|hm+|well|wrong|actually|sorry|wait|oops|my bad|wrong word|never ?mind"
    r"|forget (?:it|that)|rather|what|i|we|mean|meant|meaning|said|it'?s|is|was|just|only)\b"
    r"[\s,.:;!-]*)+",
    re.IGNORECASE,
)
"""How a correction begins, before it says what is meant instead."""

DENYING_OPENING = re.compile(
    r"^\W*(?:(?:no+|sorry|actually|wait|hm+|oops|well|what)\W+)*"
    r"(?:it'?s |it is |that'?s |i'?m |i am |i |we )?(?:do |did |was |were |is )?"
    r"(?:not|isn'?t|wasn'?t|didn'?t|don'?t|never ?mind|forget|no need)\b[^,.;:!?]*[,.;:!?]\s*",
    re.IGNORECASE,
)
"""A first clause that only says what is not meant."""

SELF_CORRECTION = re.compile(
    r"\b(?:no\W+wait|wait\W+no|no\W+sorry|sorry\W+no|oops\W+no|actually\W+no|no\W+hang on|hang on"
    r"|hold on|no\W+correction|correction|scrap that|strike that|i take (?:that|it) back|or rather"
    r"|let me (?:say|put) it differently|on second thoughts?|other way a?round|come to think of it"
    r"|(?:er+|hm+|well|oh|ah|actually|wait)\W+(?:actually\W+)?(?:no+|nope|i mean)"
    r"|(?:no|sorry|oops|wait|or)\W+i mean(?:t)?|(?<=[?.…–—]\s)no(?:pe)?(?=,)"
    r"|(?<=\?\s)(?:no|nope|nah))\b\W*",
    re.IGNORECASE,
)
"""Where a reply takes back what it said before."""

YES_OR_NO = re.compile(
    r"\W*(?:(?:well|oh|hm+|um|uh|ah|er)\b\W*)*(?:(?P<yes>(?:yes|yeah|yep|yup|yea|ya|aye|sure|right"
    r"|correct|exactly|indeed|absolutely|definitely|certainly|of course|it (?:is|does)"
    r"|i (?:think|guess|suppose|believe) (?:so|yes))\b(?! not))"
    r"|(?:no(?! (?:idea|clue))|nope|nah|not(?! (?:sure|certain|yet))|nothing to do|neither|none"
    r"|never|it (?:is ?n[o']t|isn'?t|does ?n[o']t)"
    r"|definitely not|certainly not|i do ?n['o]t think so)\b)",
    re.IGNORECASE,
)
"""How a reply begins that says yes, or no."""

NO_PREFERENCE = re.compile(
    r"\W*(?:(?:i'?m |i am )?(?:fine|happy|ok(?:ay)?|good) with )?(?:either|any)(?: one)?"
    r"(?: of (?:them|these|those|the two))?(?:(?:'s| is| would be| are)? (?:fine|ok(?:ay)?|good))?"
    r"(?: works?| will do| goes)?\W*"
    r"|\W*(?:i )?(?:do not|don['’]?t) (?:care|mind)(?: which(?: one)?)?\W*"
    r"|\W*(?:no preference|you (?:choose|decide|pick)|up to you|(?:it )?doesn['’]?t matter)\W*",
    re.IGNORECASE,
)
"""A reply that leaves the choice to whoever asked."""

ASKING_BACK = re.compile(
    r"\W*(?:sorry|hm+|uh|er+|wait|oh|well)?\W*"
    r"(?:what|pardon|come again|huh|excuse me"
    r"|what (?:do|did) you mean(?: by (?:that|this|it))?|what does (?:that|this|it) mean"
    r"|(?:can|could) you (?:please )?(?:repeat|rephrase|explain|say)"
    r"(?: (?:that|this|it|the question))?(?: again| please)*"
    r"|i (?:do not|don['\u2019]?t|didn['\u2019]?t) (?:understand|get)"
    r"(?: (?:that|this|it|you|the question|what you mean|your question))?)\W*",
    re.IGNORECASE,
)
"""A reply that wants the question in other words."""

_NO_TROUBLE = (
    r"(?:(?:fast|quick|good|short)\s+enough|fine|al(?:l )?right|great|not\s+to\s+blame|ok(?:ay)?"
    r"|(?:the\s+|a\s+|our\s+)?\bnot\s+it"
    r"|(?:not\s+(?:the|a|our)|no)\s+(?:problem|issue|bottleneck|culprit))"
)
_DENIALS = (
    r"(?:(?:it|that|this)(?:'s|\s+is|\s+was|\s+has)?\s+)?(?:definitely\s+|certainly\s+|surely\s+)?"
    r"(?:not|isn'?t|wasn'?t|ain'?t|never|(?:anything|everything|all)\s+(?:but|except)"
    r"|nothing\s+to\s+do\s+with)\s+"
    r"(?:just\s+|really\s+|about\s+|because\s+of\s+|in\s+|the\s+)*(?P<what>.+)",
    r"(?P<what>.+?)\s+(?:is|are|was|seems?|looks?|works?|runs?)\s+"
    r"(?:already\s+|quite\s+|really\s+|perfectly\s+|just\s+)*" + _NO_TROUBLE,
    r"(?P<what>.+?)\s+(?:isn'?t|aren'?t|wasn'?t)\s+(?:it|slow|(?:the|a|our)\s+\w+)",
    r"no\s+(?P<what>.+?)\s+(?:involved|here|at\s+all|going\s+on|problems?|issues?)",
    r"(?:(?:there(?:'s|\s+is)\s+)?nothing(?:\s+is|'s)?\s+wrong"
    r"|no\s+(?:complaints?|problems?|trouble|issues?)"
    r"|(?:we(?:'re|\s+are)\s+|i(?:'m|\s+am)\s+)?(?:quite\s+)?(?:happy|content))\s+"
    r"(?:with|about)\s+(?P<what>.+)",
)
DENIALS = tuple(re.compile(pattern, re.IGNORECASE) for pattern in _DENIALS)
"""Ways to deny one thing, which is named `what`; each matches a whole clause."""

CLOSING = _phrases(
    """
    thanks, thank, thankyou, thx, tnx, ty, cheers, bye, goodbye, bye bye, see you, see ya, cya,
    later, got it, perfect, great, cool, awesome, wonderful, brilliant, lovely, super, nice,
    excellent, fantastic, amazing, fine, ok, okay, alright, all right, good night, goodnight,
    good day, nice day, will do, makes sense, appreciate, appreciated, that's all, that is all,
    that's it, that was it, you're the best, all good, all set, understood, works now, found it,
    good to know, helps, helped, noted
    """
)
"""What thanks, agrees or says goodbye."""

COURTEOUS = _words(
    """
    thanks thank thankyou thx tnx ty cheers bye goodbye see you ya cya later got it perfect
    great cool awesome wonderful brilliant lovely super nice excellent fantastic amazing fine ok
    okay alright all right good night goodnight day will do makes sense appreciate appreciated
    that's that is was you're the best set understood works now found to know helps helped noted
    so very much many a lot i i'll we we'll your for help helpful again then yes yeah yep and
    have ah oh well just what needed wanted really too fast quick answer sure try think about
    there talk soon everyone guys man mate dear
    """
)
"""All words of turns that do nothing else."""

GRATEFUL = _phrases(
    """
    thanks, thank, thankyou, thx, ty, cheers, bye, goodbye, see you, that's all, that's it
    """
)
"""After these a turn asks for nothing, whatever else it says in a few words."""

REQUESTING = _phrases(
    """
    how, what about, when, where, which, who, why, can, could, please, need, want, show, turn,
    do
    """
)
"""What asks for something."""

COMMON = _words(
    """
    the a an and or but if so then of to in on at for from with without by about as into is are
    was were be been am do does did can could will would should may have has had i we you he she
    it they me us my our your his her its their this that these those there what which who when
    where why how not no yes please thanks ok okay also too just only all some any more i'm i'd
    it's don't
    """
)
"""Words that English sentences are full of."""

GRAMMAR_WORDS = (
    COMMON
    | ASKING
    | FRAGMENT
    | SELF
    | POINTING
    | JOINING
    | _words(
        """
        already again always another any anyone because been being best both can't done each else
        every far few fine first get getting give going good got here isn't its keep know last later
        leave let like look make many might most much must need needed needs never next nobody now
        off once other others our out own per question rather really right same see set since some
        something still such sure take than though through too try trying until up use used using
        very want wants way well while whole whether works working worry yet you're we've we're
        didn't doesn't won't wasn't
        """
    )
)
"""Words that say how things are meant, and not what they are about."""
