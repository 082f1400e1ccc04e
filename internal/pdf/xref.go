package pdf

// readXref reads the cross-reference sections, the newest first (ISO 32000-1, 7.5.4 and
// 7.5.8). Offsets count from head, the place of the file's header.
func (d *document) readXref(head int64) error {
	at := int64(-1)
	for from := max(0, d.w.size-2048); ; from++ { // the last of them counts
		if from = d.w.find("startxref", from, d.w.size); from < 0 {
			break
		}
		at = from
	}
	if at < 0 {
		return errOdelagt("no startxref")
	}
	l := d.w.lex(at)
	l.word("startxref")
	start, ok := l.integer()
	if !ok {
		return errOdelagt("no startxref")
	}
	seen := map[int64]bool{}
	for next := []int64{start}; len(next) > 0; {
		at, next = next[0], next[1:]
		if seen[at] {
			continue
		}
		if seen[at] = true; len(seen) > 4096 {
			return errForKomplisert()
		}
		trailer, err := d.section(at+head, head)
		if err != nil {
			return err
		}
		if d.root == nil {
			d.root = trailer.get("Root")
		}
		if trailer.get("Encrypt") != nil {
			return errLast()
		}
		if n, ok := toInt(trailer.get("Prev")); ok && n > 0 {
			next = append(next, n)
		}
	}
	return nil
}

// section reads a table or a stream of cross-references, and gives its trailer.
func (d *document) section(at, head int64) (dict, error) {
	l := d.w.lex(at)
	l.end = d.w.size
	if l.word("xref") {
		var free []int64
		for !l.word("trailer") {
			start, ok1 := l.integer()
			count, ok2 := l.integer()
			if !ok1 || !ok2 || count > maxObjects {
				return nil, errOdelagt("no cross-reference table at %d", l.pos)
			}
			for i := range count {
				at, ok1 := l.integer()
				_, ok2 := l.integer()
				inUse := l.word("n")
				if !ok1 || !ok2 || !inUse && !l.word("f") {
					return nil, errOdelagt("no cross-reference entry at %d", l.pos)
				}
				if !inUse || at == 0 {
					if free = append(free, start+i); len(free) > maxObjects {
						return nil, errForKomplisert()
					}
					continue
				}
				if err := d.put(start+i, place{at: at + head}); err != nil {
					return nil, err
				}
			}
		}
		trailer, err := d.w.lex(l.pos).value(0)
		if err != nil {
			return nil, err
		}
		dic, ok := trailer.(dict)
		if !ok {
			return nil, errOdelagt("no trailer at %d", l.pos)
		}
		// What this stream has is free in the table, for readers that know no streams.
		if n, ok := toInt(dic.get("XRefStm")); ok && n > 0 {
			if _, err := d.streamSection(n+head, head); err != nil {
				return nil, err
			}
		}
		for _, nr := range free {
			if err := d.put(nr, place{}); err != nil {
				return nil, err
			}
		}
		return dic, nil
	}
	return d.streamSection(at, head)
}

// streamSection reads a cross-reference stream, and gives its dictionary.
func (d *document) streamSection(at, head int64) (dict, error) {
	l := d.w.lex(at)
	nr, ok := l.integer()
	if !ok {
		return nil, errOdelagt("no cross-references at %d", at)
	}
	o, err := d.indirect(int(nr), at)
	if err != nil {
		return nil, err
	}
	s, ok := o.(stream)
	if !ok || s.dict.get("Type") != name("XRef") {
		return nil, errOdelagt("no cross-reference stream at %d", at)
	}
	return s.dict, d.xrefStream(s, head)
}

// put enters a place, unless a newer section has done so.
func (d *document) put(nr int64, p place) error {
	if d.entries++; d.entries > maxEntries || len(d.xref) >= maxObjects || nr >= 1<<31 {
		return errForKomplisert()
	}
	if _, ok := d.xref[int(nr)]; !ok && nr > 0 {
		d.xref[int(nr)] = p
	}
	return nil
}

func (d *document) xrefStream(s stream, head int64) error {
	data, err := d.decode(s)
	if err != nil {
		return err
	}
	var width [3]int64
	w, _ := s.dict.get("W").(array)
	if len(w) < 3 {
		return errOdelagt("a cross-reference stream without W")
	}
	for i := range width {
		n, ok := toInt(w[i])
		if !ok || n < 0 || n > 8 {
			return errOdelagt("a cross-reference stream with a bad W")
		}
		width[i] = n
	}
	row := width[0] + width[1] + width[2]
	if row == 0 {
		return errOdelagt("a cross-reference stream with a bad W")
	}
	index, _ := s.dict.get("Index").(array)
	if index == nil {
		index = array{number("0"), s.dict.get("Size")}
	}
	for ; len(index) >= 2; index = index[2:] {
		start, ok1 := toInt(index[0])
		count, ok2 := toInt(index[1])
		if !ok1 || !ok2 || start < 0 || count < 0 {
			return errOdelagt("a cross-reference stream with a bad Index")
		}
		for i := int64(0); i < count && int64(len(data)) >= row; i++ {
			field := func(i int, absent uint64) (n uint64) {
				if width[i] == 0 {
					return absent
				}
				for _, c := range data[:width[i]] {
					n = n<<8 | uint64(c)
				}
				data = data[width[i]:]
				return n
			}
			kind, a, b := field(0, 1), field(1, 0), field(2, 0)
			p := place{}
			switch {
			case kind == 1 && a > 0 && a < 1<<40:
				p.at = int64(a) + head
			case kind == 2 && a > 0 && a < 1<<31 && b < 1<<31:
				p.in, p.index = int32(a), int32(b)
			}
			if err := d.put(start+i, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// rebuild makes the table of contents of a file whose own is damaged: it takes every
// object that it finds, the last with a number being the valid one.
func (d *document) rebuild() error {
	d.rebuilt, d.root = true, nil
	clear(d.xref)
	clear(d.packed)
	d.held = 0
	for pos := int64(0); ; pos += 3 {
		if pos = d.w.find("obj", pos, d.w.size); pos < 0 {
			break
		}
		if nr, at, ok := d.objectBefore(pos); ok {
			if d.xref[nr] = (place{at: at}); len(d.xref) > maxObjects {
				return errForKomplisert()
			}
		}
	}
	for pos := int64(0); ; pos += 7 {
		if pos = d.w.find("trailer", pos, d.w.size); pos < 0 {
			break
		}
		trailer, _ := d.w.lex(pos + 7).value(0)
		if dic, ok := trailer.(dict); ok {
			if err := d.foundTrailer(dic); err != nil {
				return err
			}
		}
	}
	if d.w.err != nil {
		return d.w.err
	}
	return d.rebuildPacked()
}

// rebuildPacked finds what lies in object streams, and the catalog when no trailer
// named it.
func (d *document) rebuildPacked() error {
	found := make([]int, 0, len(d.xref))
	for nr := range d.xref {
		found = append(found, nr)
	}
	inOrder(found, d.xref)
	var catalog object
	for _, nr := range found {
		o, err := d.tryLoad(nr)
		if d.w.err != nil {
			return d.w.err
		}
		if err != nil {
			continue // it fails whoever needs it
		}
		switch o := o.(type) {
		case dict:
			if o.get("Type") == name("Catalog") {
				catalog = ref(nr)
			}
		case stream:
			switch o.dict.get("Type") {
			case name("XRef"):
				if err := d.foundTrailer(o.dict); err != nil {
					return err
				}
			case name("ObjStm"):
				pack, err := d.packfile(nr)
				if err != nil && !isBroken(err) {
					return err
				}
				if err != nil {
					continue
				}
				for i, inner := range pack.nrs {
					if p := d.xref[inner]; p.at == 0 && inner > 0 {
						d.xref[inner] = place{in: int32(nr), index: int32(i)}
					}
				}
				if len(d.xref) > maxObjects {
					return errForKomplisert()
				}
			}
		}
	}
	if d.root == nil {
		d.root = catalog
	}
	return nil
}

func (d *document) foundTrailer(trailer dict) error {
	if trailer.get("Encrypt") != nil {
		return errLast()
	}
	if root := trailer.get("Root"); root != nil {
		d.root = root
	}
	return nil
}

// objectBefore reads, backwards, the two numbers that stand before "obj".
func (d *document) objectBefore(pos int64) (nr int, at int64, ok bool) {
	pos--
	var n [2]int64 // generation, number
	for i := range n {
		digits, spaces := 0, 0
		for ; spaces < 16 && isSpace(d.w.byte(pos)); pos-- {
			spaces++
		}
		for scale := int64(1); digits < 10; scale *= 10 {
			c := d.w.byte(pos)
			if c < '0' || c > '9' {
				break
			}
			n[i] += int64(c-'0') * scale
			digits++
			pos--
		}
		if digits == 0 || i == 1 && spaces == 0 {
			return 0, 0, false
		}
	}
	return int(n[1]), pos + 1, n[1] > 0 && n[1] < 1<<31
}
