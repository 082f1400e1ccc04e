package main

import (
	"crypto/sha512"
	"encoding/json"
	"io"
)

const metadatafil = "forsendelseMetadata.json"

// metadata is forsendelseMetadata.json, which tells whose the files are.
type metadata struct {
	EksternRef        string `json:"eksternRef"`
	DigisosID         string `json:"digisosId"`
	SoknadLeveranseID *struct {
		SendtKanal string `json:"sendtKanal"`
		ID         string `json:"id"`
	} `json:"soknadLeveranseId"`
}

// les reads a file that was received, and keeps the metadata among them.
func (m *metadata) les(navn string, r io.Reader) (innhold, error) {
	if navn != metadatafil {
		return summer(r)
	}
	data, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		return innhold{}, err
	}
	return innhold{}, json.Unmarshal(data, m)
}

func (h *historie) medRef(ref string) *innsending {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.paaRef[ref]
}

// sammenlign compares the files that a receiver got with those that were sent.
func (h *historie) sammenlign(hvor string, i *innsending, meta metadata, filer map[string]innhold) {
	ventet := map[string]innhold{}
	if i.slag != brev {
		ventet[metadatafil] = innhold{}
		ventet["vedlegg.json"] = innhold{sha512.Sum512(i.vedleggJSON), int64(len(i.vedleggJSON))}
	}
	if i.slag == soknad {
		ventet["soknad.json"] = innhold{sha512.Sum512(i.soknadJSON), int64(len(i.soknadJSON))}
	}
	for _, fil := range i.alleFiler() {
		ventet[fil.navn] = fil.innhold()
	}
	for navn, v := range ventet {
		if fikk, ok := filer[navn]; !ok {
			h.feil("%s of %s lacks %q", hvor, i.ref, navn)
		} else if fikk != v {
			h.feil("%s of %s: %q has %d bytes of other content than the %d that were sent", hvor, i.ref, navn, fikk.lengde, v.lengde)
		}
	}
	if len(filer) != len(ventet) {
		h.feil("%s of %s has %d files, not %d", hvor, i.ref, len(filer), len(ventet))
	}
	if i.slag == brev {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kjennLast(i.soknaden(), meta.DigisosID, hvor)
	if v := meta.SoknadLeveranseID; v != nil {
		h.henvisLast(henvisning{i, v.SendtKanal, v.ID})
	}
}

// henvisLast judges which delivery an ettersendelse says that its søknad came by.
// What SvarUt has of it is known at the end (sjekkHenvisninger).
func (h *historie) henvisLast(v henvisning) {
	if v.fra.slag != ettersendelse {
		h.feilLast("%s %s names a søknad that it belongs to", v.fra.slag, v.fra.ref)
		return
	}
	switch v.kanal {
	case "FIKS_IO":
		if mld := h.meldinger[v.id]; mld != nil && mld.til != nil && mld.til != v.fra.sak {
			h.feilLast("ettersendelse %s names message %s, which was of %s", v.fra.ref, v.id, mld.til.ref)
		}
	case "SVARUT":
		h.post.henvist = append(h.post.henvist, v)
	default:
		h.feilLast("ettersendelse %s says that its søknad came by %s", v.fra.ref, v.kanal)
	}
}

// sjekkHenvisninger: what an ettersendelse named is its søknad's, when all have come.
func (h *historie) sjekkHenvisninger() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range h.post.henvist {
		if f := h.post.forsendelser[v.id]; f == nil || f.til != v.fra.sak {
			h.feilLast("ettersendelse %s names forsendelse %s, which is not its søknad's", v.fra.ref, v.id)
		}
	}
}
