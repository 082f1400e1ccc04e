package forvaltning_test

import (
	"regexp"
	"testing"

	"knutepunkt/internal/portal/portaltest"
)

// No page shows the key of a text, in any language, nor a value that was not given.
func TestIngenNokkelPaaSidene(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	sider := orgSider(t, h)
	for _, s := range []string{"/", "/om", "/forvaltning", "/logg-inn", "/logg-inn/svar", "/logget-ut", "/forvaltning/x/y", "/forvaltning/" + portaltest.OrgSkog + "/digisos"} {
		sider[s] = 0
	}
	for _, s := range stegene[:7] {
		sider["/forvaltning/"+portaltest.OrgSkog+"/digisos/veiviser/"+s] = 0
		sider["/forvaltning/"+portaltest.OrgTest+"/digisos/endre/"+s] = 0
	}
	nokkel := regexp.MustCompile(`>(?:[^<]*[^<.\w])?(?:svarinn|meny|avtale|avtaler|oppsett|bruker|utlop|prov|digisos|kontoer|skjema|feil|tjeneste|passord|integrasjon|veiviser|steg|konflikt|stenging|tilgang|utkast|forut|ferdig|logginn|sesjon)\.[a-z]+[^<]*<`)
	for _, sprak := range []string{"nb", "nn", "en"} {
		n := h.Som(t, portaltest.Admin)
		n.Kaker["sprak"] = sprak
		for sti := range sider {
			html := n.Get(t, sti).HTML
			if m := nokkel.FindString(html); m != "" {
				t.Errorf("%s in %s: %s", sti, sprak, m)
			}
			if m := plassholder.FindString(html); m != "" && m != "{n}" { // {n} is the script's
				t.Errorf("%s in %s: %s", sti, sprak, m)
			}
		}
	}
}

var plassholder = regexp.MustCompile(`\{[a-z]+\}`)
