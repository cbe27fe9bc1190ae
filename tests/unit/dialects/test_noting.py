"""What is noted of what a dialect cannot say."""

from wideband.canon.request import Loss
from wideband.dialects.noting import note, of_extras


def test_a_loss_is_noted_once_for_each_feature() -> None:
    losses: list[Loss] = []
    for feature, detail in (("stop", "the fifth"), ("seed", ""), ("stop", "the sixth")):
        note(losses, feature, detail)
    assert losses == [Loss("stop", "the fifth"), Loss("seed")]


def test_fields_that_only_another_dialect_has_are_lost_by_name() -> None:
    assert of_extras({"truncation": "auto", "include": ["x"]}) == [
        Loss("unknown_fields", "include"),
        Loss("unknown_fields", "truncation"),
    ]


def test_an_answer_that_is_to_be_stored_is_a_loss_of_its_own_and_one_that_is_not_is_none() -> None:
    assert of_extras({"store": True}) == [Loss("storage", "store")]
    assert of_extras({"store": False}) == []
