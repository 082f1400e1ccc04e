package pdf

import (
	"cmp"
	"slices"
	"strconv"
)

// page is a page of a document: its object, and for each attribute that pages inherit
// the node of the page tree that has it (0: none).
type page struct {
	nr     int
	attrib [len(inherited)]int
}

// inherited are the attributes that a page takes from the nodes above it (ISO 32000-1, 7.7.3.4).
var inherited = [...]name{"Resources", "MediaBox", "CropBox", "Rotate"}

// pages walks the page tree; there is at least one page.
func (d *document) pages() ([]page, error) {
	found, err := d.walkPages()
	if err != nil && isBroken(err) && !d.rebuilt && d.w.err == nil {
		if err = d.rebuild(); err == nil {
			found, err = d.walkPages()
		}
	}
	return found, d.cause(err)
}

func (d *document) walkPages() ([]page, error) {
	root, err := d.catalog()
	if err != nil {
		return nil, err
	}
	top, ok := root.get("Pages").(ref)
	if !ok {
		return nil, errOdelagt("the catalog names no pages")
	}
	var found []page
	seen := map[int]bool{}
	for stack := []page{{nr: int(top)}}; len(stack) > 0; {
		p := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		node, err := d.dict(ref(p.nr))
		if err != nil {
			return nil, err
		}
		if node.get("Kids") == nil {
			if node.get("Type") == name("Pages") {
				continue // without kids
			}
			if found = append(found, p); len(found) > MaxSider {
				return nil, errForMangeSider()
			}
			continue
		}
		if seen[p.nr] {
			return nil, errOdelagt("node %d of the page tree is there twice", p.nr)
		}
		seen[p.nr] = true
		for i, key := range inherited {
			if node.get(key) != nil {
				p.attrib[i] = p.nr
			}
		}
		kids, err := d.array(node.get("Kids"))
		if err != nil {
			return nil, err
		}
		if len(stack)+len(kids)+len(seen) > maxTreeNodes {
			return nil, errForMangeSider()
		}
		for _, kid := range slices.Backward(kids) {
			nr, ok := kid.(ref)
			if !ok {
				return nil, errOdelagt("node %d of the page tree has a kid that is no reference", p.nr)
			}
			stack = append(stack, page{nr: int(nr), attrib: p.attrib})
		}
	}
	if len(found) == 0 {
		return nil, errIngenSider()
	}
	return found, nil
}

// pageDict gives the page with what it inherits, and without what ties it to the rest
// of its document.
func (d *document) pageDict(p page) (dict, error) {
	own, err := d.dict(ref(p.nr))
	if err != nil {
		return nil, err
	}
	out := make(dict, 0, len(own)+len(inherited))
	for _, e := range own {
		switch e.key {
		case "Parent", "StructParents", "Tabs", "B", "AA", "Thumb", "PieceInfo", "Metadata", "Type":
		default:
			if e.value != nil { // null is as absent, and may be inherited
				out = append(out, e)
			}
		}
	}
	for i, key := range inherited {
		if p.attrib[i] == 0 || own.get(key) != nil {
			continue
		}
		if last := &d.inherited[i]; last.nr != p.attrib[i] {
			node, err := d.dict(ref(p.attrib[i]))
			if err != nil {
				return nil, err
			}
			last.nr, last.value = p.attrib[i], node.get(key)
		}
		out = append(out, entry{key, d.inherited[i].value})
	}
	return out, nil
}

// a4 in points.
const (
	a4Width  = 595.276
	a4Height = 841.89
	mm       = 72 / 25.4 // points
)

// box gives the visible part of a page in points, as it lies before it is turned.
// A page that tells no size is an A4.
func (d *document) box(p dict) ([4]float64, error) {
	for _, key := range []name{"CropBox", "MediaBox"} {
		a, err := d.array(p.get(key))
		if err != nil {
			return [4]float64{}, err
		}
		if len(a) != 4 {
			continue
		}
		var b [4]float64
		ok := true
		for i := range b {
			v, err := d.resolve(a[i])
			if err != nil {
				return b, err
			}
			n, isNumber := v.(number)
			f, err := strconv.ParseFloat(string(n), 64)
			b[i] = f
			ok = ok && isNumber && err == nil
		}
		b[0], b[2] = min(b[0], b[2]), max(b[0], b[2])
		b[1], b[3] = min(b[1], b[3]), max(b[1], b[3])
		if ok && b[2]-b[0] > 1 && b[3]-b[1] > 1 {
			return b, nil
		}
	}
	return [4]float64{0, 0, a4Width, a4Height}, nil
}

// pageSize gives the size of a page as it is shown, in mm.
func (d *document) pageSize(p page) (width, height float64, err error) {
	dic, err := d.pageDict(p)
	if err != nil {
		return 0, 0, err
	}
	b, err := d.box(dic)
	if err != nil {
		return 0, 0, err
	}
	width, height = (b[2]-b[0])/mm, (b[3]-b[1])/mm
	turn, err := d.resolve(dic.get("Rotate"))
	if err != nil {
		return 0, 0, err
	}
	if n, _ := toInt(turn); n%180 != 0 {
		width, height = height, width
	}
	return width, height, nil
}

// inOrder sorts the numbers of objects as they lie in the file.
func inOrder(nrs []int, xref map[int]place) {
	slices.SortFunc(nrs, func(a, b int) int { return cmp.Compare(xref[a].at, xref[b].at) })
}
