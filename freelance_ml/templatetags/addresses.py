"""{% url %} as Django has it, fast where an address holds nothing but ids; known in every template."""

import uuid
from typing import Any

from django import template
from django.template import Context
from django.template.base import Parser, Token
from django.template.defaulttags import URLNode
from django.template.defaulttags import url as parse
from django.utils.html import conditional_escape

from projects.addresses import address

register = template.Library()


class AddressNode(URLNode):
    """Fills ids into an address that is known; what is not an id goes Django's way."""

    def render(self, context: Context) -> str:
        """Give the address, or keep it under the name behind "as"."""
        ids = [argument.resolve(context) for argument in self.args]
        if self.kwargs or self.asvar or not all(type(one) is uuid.UUID for one in ids):
            return str(super().render(context))
        found = address(self.view_name.resolve(context), *ids)
        return str(conditional_escape(found)) if context.autoescape else found


@register.tag
def url(parser: Parser, token: Token) -> AddressNode:
    """Write an address by its name."""
    node: Any = parse(parser, token)
    return AddressNode(node.view_name, node.args, node.kwargs, node.asvar)
