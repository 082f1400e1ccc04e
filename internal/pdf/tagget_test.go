package pdf

import (
	"bytes"
	"os"
	"testing"
)

func TestForsok(t *testing.T) {
	var b bytes.Buffer
	d := Tagget{Tittel: "Bekymringsmelding til barnevernet", Laget: etBrev().Dato, Adresse: []string{"Barneverntjenesten i Kárášjohka", "Storgata 1", "9730 Kárášjohka"}, Topptekst: "Referanse 17",
		Innhold: []Blokk{Avsnitt{"Sendt i dag. 🙂 □ \ue000"}, Overskrift{2, "Barn"}, Sporsmal{"Hva heter barnet?", "Áile"}, Sporsmal{"Hva er du bekymret for?", "Linje en\nLinje to\n\nNytt avsnitt"}}}
	for i := 0; i < 400; i++ {
		d.Innhold = append(d.Innhold, Sporsmal{"Spørsmål?", "Mange ord er det her og de går over flere linjer så det blir noe å bryte også i de korte svarene og da må det være langt nok"})
	}
	if err := d.Skriv(&b); err != nil {
		t.Fatal(err)
	}
	os.WriteFile("/tmp/vp/a.pdf", b.Bytes(), 0o600)
}
