package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestTimelineIsWellFormedWhateverTheNames(t *testing.T) {
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	rows := []TimelineRow{
		{Label: `<script>alert("x")</script>`, Spans: []TimelineSpan{{"provisioning", at, at.Add(time.Hour)}, {"switching", at.Add(time.Hour), at.Add(time.Hour + time.Second)}}},
		{Label: "a\x1b[31mb & c", Spans: []TimelineSpan{{"soaking", at.Add(time.Hour), at.Add(50 * time.Hour)}}},
		{Label: "nothing happened"},
	}
	var b bytes.Buffer
	if err := WriteTimeline(&b, "t <&>", rows, []TimelineMark{{at.Add(30 * time.Hour), "deadline"}}); err != nil {
		t.Fatal(err)
	}
	dec := xml.NewDecoder(bytes.NewReader(b.Bytes()))
	for {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
	}
	for _, bad := range []string{"<script", "\x1b"} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("the drawing holds %q", bad)
		}
	}
	for _, want := range []string{"deadline", "nothing happened", "#e15759"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the drawing lacks %q", want)
		}
	}
}

func TestTimelineOfNothing(t *testing.T) {
	var b bytes.Buffer
	if err := WriteTimeline(&b, "empty", nil, nil); err != nil || !strings.HasSuffix(b.String(), "</svg>\n") {
		t.Errorf("%v, %q", err, b.String())
	}
}
