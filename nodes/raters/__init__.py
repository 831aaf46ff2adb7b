"""Raters: models that give a third opinion on the risk of a message, beside rules and learned model."""

from cbtguard.nodes.raters.judged import JudgedChecker
from cbtguard.nodes.raters.langchain import ChatModelRater
from cbtguard.nodes.raters.openai import ServerRater
from cbtguard.nodes.raters.opinion import Opinion, Rater, opinion_of

__all__ = ["ChatModelRater", "JudgedChecker", "Opinion", "Rater", "ServerRater", "opinion_of"]
