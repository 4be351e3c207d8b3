"""Topic expressions: read once, kept as a tree, written back, and refused with a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.audience import Both, Either, Expression, Not, Topic, parse_topics, slugs_of, topics_text
from gateway.model.errors import Invalid
from gateway.model.limits import TOPIC_DEPTH_MAX, TOPIC_TERMS_MAX

SLUGS = ["sale", "news", "vip", "a", "0", "shoes.red-2_x"]
ALL = [frozenset(slug for at, slug in enumerate(SLUGS) if number >> at & 1) for number in range(1 << len(SLUGS))]


def _deeper(children: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    several = st.lists(children, min_size=2, max_size=3).map(tuple)
    return st.builds(Not, children) | st.builds(Both, several) | st.builds(Either, several)


TREES: st.SearchStrategy[Expression] = st.recursive(
    st.builds(Topic, st.sampled_from(SLUGS)), _deeper, max_leaves=8
).filter(lambda tree: depth_of(tree) <= TOPIC_DEPTH_MAX)


def depth_of(tree: Expression) -> int:
    """How deep `!` and brackets lie in one another when the tree is written down."""
    match tree:
        case Topic():
            return 0
        case Not(term):
            return 1 + depth_of(term) + isinstance(term, Both | Either)
        case Both(terms) | Either(terms):
            return max(depth_of(term) + isinstance(term, Both | Either) for term in terms)


def fits(tree: Expression, followed: frozenset[str]) -> bool:
    """What the tree says of a device that follows these topics."""
    match tree:
        case Topic(slug):
            return slug in followed
        case Not(term):
            return not fits(term, followed)
        case Both(terms):
            return all(fits(term, followed) for term in terms)
        case Either(terms):
            return any(fits(term, followed) for term in terms)


@given(tree=TREES)
def test_what_is_written_reads_back_as_the_same_audience(tree: Expression):
    """The API shows an audience in words that mean exactly the same when they are sent again."""
    again = parse_topics(topics_text(tree))

    assert [fits(again, followed) for followed in ALL] == [fits(tree, followed) for followed in ALL]
    assert topics_text(again) == topics_text(tree)
    assert slugs_of(again) == slugs_of(tree)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("sale", Topic("sale")),
        ("  sale  ", Topic("sale")),
        ("a||b&&c", Either((Topic("a"), Both((Topic("b"), Topic("c")))))),
        ("(a || b) && c", Both((Either((Topic("a"), Topic("b"))), Topic("c")))),
        ("!a && b", Both((Not(Topic("a")), Topic("b")))),
        ("!!a", Not(Not(Topic("a")))),
        ("!(a||b)", Not(Either((Topic("a"), Topic("b"))))),
        ("a && b && c", Both((Topic("a"), Topic("b"), Topic("c")))),
    ],
)
def test_and_binds_stronger_than_or_and_not_strongest(text: str, tree: Expression):
    """As in every language that shops write."""
    assert parse_topics(text) == tree


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "it ends where a topic is expected"),
        ("   ", "it ends where a topic is expected"),
        ("a &&", "it ends where a topic is expected"),
        ("!", "it ends where a topic is expected"),
        ("&& a", "`&&` stands where a topic is expected"),
        ("a || || b", "`||` stands where a topic is expected"),
        ("()", "`)` stands where a topic is expected"),
        ("(a", "a closing bracket is missing"),
        ("(a b)", "a closing bracket is missing"),
        ("a)", "`)` is one too many"),
        ("a b", "`b` is one too many"),
        ("a ! b", "`!` is one too many"),
        ("a & b", "use `&&`, `||`, `!` and brackets between topic names"),
        ("a | b", "use `&&`, `||`, `!` and brackets between topic names"),
        ("a &&& b", "use `&&`, `||`, `!` and brackets between topic names"),
        ("Sale", "`Sale` is not a topic name"),
        ("-a", "`-a` is not a topic name"),
        ("a" * 65, "is not a topic name"),
        ("söckchen", "is not a topic name"),
        ("a';--", "is not a topic name"),
        ("a\0", "is not a topic name"),
        ("(" * 10 + "a" + ")" * 10, "it is nested deeper than 8"),
        ("!" * 10 + "a", "it is nested deeper than 8"),
        (" || ".join(["a"] * (TOPIC_TERMS_MAX + 1)), "it names more than 50 topics"),
    ],
)
def test_every_fault_has_a_sentence(text: str, sentence: str):
    """Whoever typed it reads what is wrong, and where it belongs."""
    with pytest.raises(Invalid) as refused:
        parse_topics(text)

    assert sentence in refused.value.message
    assert (refused.value.code, refused.value.status, refused.value.param) == (
        "audience_invalid",
        422,
        "audience.topics",
    )


@given(text=st.text(max_size=60) | st.text("ab!&|() ", max_size=40))
def test_no_text_does_worse_than_a_refusal(text: str):
    """Whatever arrives is a tree within bounds, or a readable refusal."""
    try:
        tree = parse_topics(text)
    except Invalid:
        return
    assert slugs_of(tree)


def test_the_largest_expression_is_read():
    """Fifty names, eight brackets deep."""
    text = (
        "(" * TOPIC_DEPTH_MAX + " || ".join(f"t{number}" for number in range(TOPIC_TERMS_MAX)) + ")" * TOPIC_DEPTH_MAX
    )

    assert len(slugs_of(parse_topics(text))) == TOPIC_TERMS_MAX
