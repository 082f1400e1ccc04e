package rabbitnode

import (
	"os"
	"testing"
)

func TestStart(t *testing.T) {
	t.Parallel()
	if err := Installed(); err != nil {
		if os.Getenv("KNUTEPUNKT_REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	n, err := Start(t.Context(), Options{Users: []User{{Name: "admin", Password: "admin", Admin: true}}})
	if err != nil {
		t.Fatal(err)
	}
	if n.PID() == 0 {
		t.Error("the node has written no pid")
	}
	n.Stop()
	if _, err := os.Stat(n.dir); !os.IsNotExist(err) {
		t.Errorf("files are left: %v", err)
	}
}
