"""The names of WordNet's lexicographer files, by their numbers: facts of its manual, lexnames(5WN)."""

from undersong.data.corpora.wordnet import LEXNAMES

NAMES = """
00 adj.all  01 adj.pert  02 adv.all  03 noun.Tops  04 noun.act  05 noun.animal  06 noun.artifact  07 noun.attribute
08 noun.body  09 noun.cognition  10 noun.communication  11 noun.event  12 noun.feeling  13 noun.food  14 noun.group
15 noun.location  16 noun.motive  17 noun.object  18 noun.person  19 noun.phenomenon  20 noun.plant  21 noun.possession
22 noun.process  23 noun.quantity  24 noun.relation  25 noun.shape  26 noun.state  27 noun.substance  28 noun.time
29 verb.body  30 verb.change  31 verb.cognition  32 verb.communication  33 verb.competition  34 verb.consumption
35 verb.contact  36 verb.creation  37 verb.emotion  38 verb.motion  39 verb.perception  40 verb.possession
41 verb.social  42 verb.stative  43 verb.weather  44 adj.ppl
"""


def test_each_number_has_its_own_name() -> None:
    numbered = [f"{number:02} {name}" for number, name in enumerate(LEXNAMES)]
    assert " ".join(numbered) == " ".join(NAMES.split())
