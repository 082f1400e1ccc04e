package pdf

import "fmt"

// catalog takes from the catalog of a document what decides how its pages look.
func (c *copier) catalog() error {
	root, err := c.d.catalog()
	if err != nil {
		return err
	}
	if root.get("OCProperties") != nil {
		if err := c.m.layers.add(c, root.get("OCProperties")); err != nil {
			return err
		}
	}
	if root.get("AcroForm") != nil {
		return c.m.form.add(c, root.get("AcroForm"))
	}
	return nil
}

// object gives the new number of a value, and writes it as an object if it is none. A
// reference to nothing becomes the object null.
func (c *copier) object(o object) int {
	if r, ok := o.(ref); ok {
		if nr := c.renumber(r); nr > 0 {
			return nr
		}
		o = nil
	}
	nr := c.m.w.number()
	c.m.w.begin(nr)
	c.m.w.value(o, c.renumber)
	c.m.w.end()
	return nr
}

// list gives the new numbers of the references in an array.
func (c *copier) list(o object) ([]int, error) {
	a, err := c.d.array(o)
	var nrs []int
	for _, v := range a {
		if r, ok := v.(ref); ok {
			if nr := c.renumber(r); nr > 0 {
				nrs = append(nrs, nr)
			}
		}
	}
	return nrs, err
}

// layers are the optional content of all documents: which layers there are, and which
// are hidden (ISO 32000-1, 8.11.4).
type layers struct {
	all, off []int
	usage    []int // usage applications: what to do when printing
}

func (l *layers) add(c *copier, o object) error {
	props, err := c.d.dict(o)
	if err != nil {
		return err
	}
	all, err := c.list(props.get("OCGs"))
	if err != nil {
		return err
	}
	l.all = append(l.all, all...)
	if props.get("D") == nil {
		return nil
	}
	config, err := c.d.dict(props.get("D"))
	if err != nil {
		return err
	}
	off, err := c.list(config.get("OFF"))
	if err != nil {
		return err
	}
	if config.get("BaseState") == name("OFF") {
		on, err := c.list(config.get("ON"))
		if err != nil {
			return err
		}
		shown := make(map[int]bool, len(on))
		for _, nr := range on {
			shown[nr] = true
		}
		off = off[:0]
		for _, nr := range all {
			if !shown[nr] {
				off = append(off, nr)
			}
		}
	}
	l.off = append(l.off, off...)
	usage, err := c.d.array(config.get("AS"))
	if err != nil {
		return err
	}
	for _, u := range usage {
		l.usage = append(l.usage, c.object(u))
	}
	return nil
}

func (l *layers) write(w *writer) {
	if len(l.all) > 0 {
		fmt.Fprintf(w, "/OCProperties<</OCGs[%s]/D<</OFF[%s]/AS[%s]>>>>", refs(l.all), refs(l.off), refs(l.usage))
	}
}

// form is the filled forms of all documents. What a field shows lies with its page; the
// rest is for readers that draw the fields anew.
type form struct {
	fields []int
	redraw bool
	fonts  dict // by the name that fields use; of two with one name the first
	look   text // of fields that tell none
}

func (f *form) add(c *copier, o object) error {
	acro, err := c.d.dict(o)
	if err != nil {
		return err
	}
	fields, err := c.list(acro.get("Fields"))
	if err != nil {
		return err
	}
	f.fields = append(f.fields, fields...)
	redraw, err := c.d.resolve(acro.get("NeedAppearances"))
	if err != nil {
		return err
	}
	f.redraw = f.redraw || redraw == keyword("true")
	look, err := c.d.resolve(acro.get("DA"))
	if err != nil {
		return err
	}
	if da, ok := look.(text); ok && f.look == "" {
		f.look = da
	}
	return f.addFonts(c, acro.get("DR"))
}

func (f *form) addFonts(c *copier, resources object) error {
	if resources == nil {
		return nil
	}
	common, err := c.d.dict(resources)
	if err != nil || common.get("Font") == nil {
		return err
	}
	fonts, err := c.d.dict(common.get("Font"))
	if err != nil {
		return err
	}
	for _, e := range fonts {
		if len(f.fonts) < 1000 && f.fonts.get(e.key) == nil {
			f.fonts = append(f.fonts, entry{e.key, keyword(fmt.Sprintf("%d 0 R", c.object(e.value)))})
		}
	}
	return nil
}

func (f *form) write(w *writer) {
	if len(f.fields) == 0 {
		return
	}
	fmt.Fprintf(w, "/AcroForm<</Fields[%s]/DR<</Font", refs(f.fields))
	w.value(f.fonts, func(ref) int { return 0 })
	fmt.Fprint(w, ">>")
	if f.redraw {
		fmt.Fprint(w, "/NeedAppearances true")
	}
	if f.look != "" {
		fmt.Fprintf(w, "/DA %s", f.look)
	}
	fmt.Fprint(w, ">>")
}
