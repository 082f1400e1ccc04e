package main

import "time"

// forsendelse is a letter in SvarUt as its receivers saw it: the mottakersystem,
// the inbox in Altinn, the printer. Each is asked, once it may have happened and
// once it is known to have.
type forsendelse struct {
	id  string
	til *innsending // nil until its content was read

	hentet               int // times it was downloaded whole
	kvittert, permanent  utfall
	altinnID             string // the correspondence
	altinnSjekket        bool
	lest                 utfall
	jobbID, jobbSum      string // the print job, and the checksum of its letter
	jobbStatus           string // as it was listed last
	printet, avvist      utfall
	iListenEtter         bool // told of once
	blirAvvist, leseglad bool // by fate: its refusal stands; its receiver reads
}

// utfall of something that was done to the platform: prøvd, and answered with success.
type utfall struct{ provd, gjort bool }

// levert tells whether a receiver has it: surely, or perhaps (the answer was lost).
func (f *forsendelse) levert() (sikkert, kanskje bool) {
	for _, u := range []utfall{f.kvittert, f.lest, f.printet} {
		sikkert, kanskje = sikkert || u.gjort, kanskje || u.provd
	}
	return sikkert, kanskje
}

// posthistorie is what was seen of SvarUt.
type posthistorie struct {
	forsendelser map[string]*forsendelse
	jobber       map[string]*forsendelse // by print job
	altinn       map[string]*forsendelse // by correspondence
	merker       map[string]*innsending  // by what is planted in a file
	brev         map[string]*innsending  // by title
	henvist      []henvisning
}

// henvisning: an ettersendelse named the delivery of its søknad.
type henvisning struct {
	fra       *innsending
	kanal, id string
}

func nyPosthistorie() posthistorie {
	return posthistorie{forsendelser: map[string]*forsendelse{}, jobber: map[string]*forsendelse{}, altinn: map[string]*forsendelse{},
		merker: map[string]*innsending{}, brev: map[string]*innsending{}}
}

// forsendelseLast is the forsendelse with that id, known or new.
func (h *historie) forsendelseLast(id string) *forsendelse {
	f := h.post.forsendelser[id]
	if f == nil {
		skjebne := byte(0)
		if len(id) > 0 {
			skjebne = id[len(id)-1] // of an UUID: random enough, and the same each time
		}
		f = &forsendelse{id: id, blirAvvist: skjebne%2 == 0, leseglad: skjebne%3 == 0}
		h.post.forsendelser[id] = f
	}
	return f
}

// tilhorer notes whose letter a forsendelse is: it is one innsending's for ever, and
// no innsending has two.
func (h *historie) tilhorer(id string, i *innsending, hvorfra string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.forsendelseLast(id)
	if f.til == i {
		return
	}
	if f.til != nil {
		h.feilLast("forsendelse %s was %s and is now %s (%s)", id, f.til.ref, i.ref, hvorfra)
		return
	}
	f.til = i
	i.forsendelser = append(i.forsendelser, f)
	if len(i.forsendelser) > 1 {
		h.feilLast("%s %s came under %d forsendelse ids, the first %s, the last %s (%s)", i.slag, i.ref, len(i.forsendelser), i.forsendelser[0].id, id, hvorfra)
	}
	if i.slag == brev {
		h.kjennBrevLast(i, id, hvorfra)
	}
}

// kjennBrevLast binds a brev to its id, or finds that it has another.
func (h *historie) kjennBrevLast(i *innsending, id, hvorfra string) {
	if i.brevID == "" {
		i.brevID = id
	}
	if i.brevID != id {
		h.feilLast("brev %s had the id %s and now %s (%s)", i.ref, i.brevID, id, hvorfra)
	}
}

// iAltinn notes that a letter lies in an inbox under that id.
func (h *historie) iAltinn(id, forsendelseID string) *forsendelse {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.forsendelseLast(forsendelseID)
	switch annen := h.post.altinn[id]; {
	case annen != nil && annen != f:
		h.feilLast("correspondence %s was of forsendelse %s and is now of %s", id, annen.id, f.id)
	case f.altinnID != "" && f.altinnID != id:
		h.feilLast("forsendelse %s came to Altinn twice: %s and %s", f.id, f.altinnID, id)
	case f.altinnID == "":
		h.tall["brev i Altinn"]++
	}
	f.altinnID, h.post.altinn[id] = id, f
	return f
}

// paaTrykk notes that the printer has a job of a letter, and how it stands.
func (h *historie) paaTrykk(jobbID, forsendelseID, status string) *forsendelse {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.forsendelseLast(forsendelseID)
	switch annen := h.post.jobber[jobbID]; {
	case annen != nil && annen != f:
		h.feilLast("print job %s was of forsendelse %s and is now of %s", jobbID, annen.id, f.id)
	case f.jobbID != "" && f.jobbID != jobbID:
		h.feilLast("forsendelse %s is printed twice: jobs %s and %s", f.id, f.jobbID, jobbID)
	case f.jobbID == "":
		h.tall["utskriftsjobber"]++
	}
	f.jobbID, f.jobbStatus, h.post.jobber[jobbID] = jobbID, status, f
	return f
}

// jobbinnhold notes the checksum of a job's letter; it never changes.
func (h *historie) jobbinnhold(f *forsendelse, sum string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f.jobbSum != "" && f.jobbSum != sum {
		h.feilLast("print job %s changed its letter", f.jobbID)
	}
	f.jobbSum = sum
}

// gjor marks what is about to be done, does it, and marks it done when it was.
func (h *historie) gjor(u *utfall, hva string, fn func() error) error {
	h.mu.Lock()
	u.provd = true
	h.mu.Unlock()
	err := fn()
	if err == nil {
		h.mu.Lock()
		if !u.gjort {
			h.tall[hva]++
		}
		u.gjort = true
		h.mu.Unlock()
	}
	return err
}

// levertLast tells whether a receiver has it: surely, or perhaps.
func (h *historie) levertLast(i *innsending) (sikkert, kanskje bool) {
	for _, id := range i.meldinger {
		m := h.meldinger[id]
		sikkert, kanskje = sikkert || m.kvitt, kanskje || m.svart
	}
	for _, f := range i.forsendelser {
		s, k := f.levert()
		sikkert, kanskje = sikkert || s, kanskje || k
	}
	return sikkert, kanskje
}

// avvistLast tells whether the printer has refused it, and stands by that.
func (i *innsending) avvistLast() bool {
	for _, f := range i.forsendelser {
		if f.blirAvvist && !f.leseglad && f.jobbStatus == "AVVIST" {
			return true
		}
	}
	return false
}

// klokkehistorie is how the platform's clock was moved.
type klokkehistorie struct {
	begynt, endt int       // moves that were asked for, and that were answered
	rest         bool      // a move was broken off: what fell due may not have been done
	sist         time.Time // the latest that the clock was seen at
	flyttet      time.Duration
}

// rolig is a mark of a moment: nothing falls due until the mark changes. false when
// something may be falling due.
func (k klokkehistorie) rolig() (merke int, ok bool) {
	return k.begynt, k.begynt == k.endt && !k.rest
}

// stilt notes where the clock was seen; it never goes back.
func (h *historie) stilt(t time.Time, hvor string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.Before(h.klokke.sist) {
		h.feilLast("%s: the platform's clock stands at %s, and was at %s before", hvor, t.Format(time.RFC3339Nano), h.klokke.sist.Format(time.RFC3339Nano))
	}
	h.klokke.sist = t
}
