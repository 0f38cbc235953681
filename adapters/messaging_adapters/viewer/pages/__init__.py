"""The pages, one module each.

A page is added in three places; `messages` is the example:

1. a module here with two functions and a `Page`:
   `read(request, reads)` asks the engine, at most six times, with `await reads(messenger.find, …)`,
   and returns a read model, a frozen class or a plain value;
   `show(request, model)` returns the view. It is pure: the same arguments give the same view.
   A view is a frozen attrs class of texts, numbers, `Moment`, `Mark` and other views. Each text
   from outside went through `text.line` or `text.lines`, each address through `masking.mask`;
2. a template of the same name in `templates/`, which gets the view as `view`;
3. an entry in `route_table.PAGES`.

The JSON beside the page is written from the same view, so that it shows no more than the page.

What a visitor sends by POST is a `Form`, with an entry in `route_table.FORMS`; see `forms`.
"""
