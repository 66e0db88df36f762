"""Accessible names."""

import pytest

from tests.unit.browser.injected.conftest import Lab

# Markup in which the element with the id "x" has the name.
NAMES = {
    "<button id=x> Save \n it </button>": "Save it",
    "<button id=x aria-label='Close'>×</button>": "Close",
    "<button id=x aria-label='  '>Text</button>": "Text",
    "<button id=x aria-labelledby='a b'>no</button><i id=a>One</i><i id=b>two</i>": "One two",
    "<button id=x aria-labelledby='gone'>kept</button>": "kept",
    "<button id=x aria-labelledby='x a' aria-label=Delete>no</button><i id=a>file</i>": "Delete file",
    "<button id=x aria-labelledby=a></button><i id=a hidden>Hidden <b>target</b></i>": "Hidden target",
    "<button id=x aria-labelledby=a></button><i id=a aria-labelledby=b>once</i><i id=b>twice</i>": "once",
    "<button id=x><img alt=Cart> (2)</button>": "Cart (2)",
    "<button id=x>a<span hidden>b</span><span aria-hidden=true>c</span></button>": "a",
    "<button id=x>a<b>b</b><div>c</div>d<br>e</button>": "ab c d e",
    "<button id=x title=Tip></button>": "Tip",
    "<button id=x title=Tip>Text</button>": "Text",
    "<button id=x><svg><title>Logo</title></svg></button>": "Logo",
    "<button id=x><script>no()</script><style>p{}</style>yes</button>": "yes",
    "<style>#x::before{content:'before '}</style><button id=x>text</button>": "text",
    "<label for=x>Street</label><input id=x>": "Street",
    "<label>Street <input id=x value=typed></label>": "Street",
    "<label for=x>Street</label><label for=x>and number</label><input id=x>": "Street and number",
    "<label for=x hidden>Hidden label</label><input id=x>": "Hidden label",
    "<label for=x aria-label='By attribute'>text</label><input id=x>": "By attribute",
    "<label><input id=x type=checkbox> Flash <input value=3 size=2> times</label>": "Flash 3 times",
    "<label><input id=x type=checkbox> Pick <select><option>a<option selected>b</select></label>": "Pick b",
    "<label><input id=x type=checkbox> Up to <input type=range min=0 max=9 value=7></label>": "Up to 7",
    "<label><input id=x type=checkbox> Key <input type=password value=secret></label>": "Key",
    "<input id=x placeholder='Find it'>": "Find it",
    "<input id=x placeholder='Find it' title=Tip>": "Tip",
    "<input id=x aria-label=Label placeholder=no>": "Label",
    "<input id=x value='not a name'>": "",
    "<input id=x type=submit value='Send order'>": "Send order",
    "<input id=x type=submit>": "Submit",
    "<input id=x type=reset>": "Reset",
    "<input id=x type=image alt=Go>": "Go",
    "<textarea id=x placeholder=Notes>content</textarea>": "Notes",
    "<label for=x>City</label><select id=x><option>Kyoto</select>": "City",
    "<select><option id=x>Kyoto</select>": "Kyoto",
    "<select><option id=x label=Osaka>o</select>": "Osaka",
    "<label for=x>Label</label><button id=x>content</button>": "Label",
    "<img id=x alt='Company logo'>": "Company logo",
    "<img id=x title=Tip>": "Tip",
    "<fieldset id=x><legend>Text</legend>more</fieldset>": "Text",
    "<fieldset id=x>more</fieldset>": "",
    "<figure id=x><img><figcaption>Figure</figcaption></figure>": "Figure",
    "<table id=x><caption>Prices</caption><tr><td>1</table>": "Prices",
    "<table><tr><td id=x>5 <b>yen</b></table>": "5 yen",
    "<table><tr id=x><td>a<td>b</table>": "a b",
    "<svg id=x><title>Chart</title></svg>": "Chart",
    "<h1 id=x>Tea <em>and</em> rice</h1>": "Tea and rice",
    "<a id=x href=#><span>Or</span><span>ders</span></a>": "Orders",
    "<p id=x>paragraph</p>": "",
    "<div id=x aria-label=no>div</div>": "",
    "<ul id=x><li>item</ul>": "",
    "<div role=alert id=x>Stock</div>": "",
    "<div role=tab id=x>Tab <i>one</i></div>": "Tab one",
    "<nav id=x aria-label=Main>links</nav>": "Main",
    "<dialog id=x open aria-labelledby=t><h2 id=t>Title</h2></dialog>": "Title",
    "<iframe id=x title=Frame></iframe>": "Frame",
    "<details><summary id=x>More</summary></details>": "More",
    "<meter id=x aria-label=Disk value=1></meter>": "Disk",
    "<x-y id=host role=button><template shadowrootmode=open><b>Shadow <slot></slot></b></template>text</x-y>"
    "<i id=x role=button aria-labelledby=host></i>": "Shadow text",
}


@pytest.mark.parametrize("markup", NAMES)
def test_an_element_has_the_name_that_a_screen_reader_says(lab: Lab, markup: str) -> None:
    lab.show(markup)

    assert lab.js("bykiltRoles.name(document.getElementById('x'))") == NAMES[markup]


def test_a_label_in_a_shadow_tree_names_its_field(lab: Lab) -> None:
    lab.show("<x-y><template shadowrootmode=open><label for=f>Note</label><input id=f></template></x-y>")

    assert lab.ids('role=textbox[name="Note"]') == ["f"]
