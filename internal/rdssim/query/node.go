// Package query speaks the AWS Query protocol: flat form parameters in, an XML
// document out. It knows the protocol, not RDS.
package query

import (
	"bytes"
	"encoding/xml"
	"strconv"
	"time"
)

// Node is one XML element of an answer: either text or children. A Node with
// an empty name is left out when the tree is written.
type Node struct {
	Name string
	Text string
	Kids []Node
}

// timeLayout is the ISO-8601 form with milliseconds that RDS answers with.
const timeLayout = "2006-01-02T15:04:05.000Z"

// E is an element with children. An element without any child is written
// empty, as RDS does for empty lists.
func E(name string, kids ...Node) Node { return Node{Name: name, Kids: kids} }

// S is a text element.
func S(name, text string) Node { return Node{Name: name, Text: text} }

// Opt is a text element that is left out when the text is empty.
func Opt(name, text string) Node {
	if text == "" {
		return Node{}
	}
	return S(name, text)
}

// I is an integer element.
func I(name string, v int) Node { return S(name, strconv.Itoa(v)) }

// OptI is an integer element that is left out when zero.
func OptI(name string, v int) Node {
	if v == 0 {
		return Node{}
	}
	return I(name, v)
}

// F is a floating point element.
func F(name string, v float64) Node { return S(name, strconv.FormatFloat(v, 'f', -1, 64)) }

// B is a boolean element.
func B(name string, v bool) Node { return S(name, strconv.FormatBool(v)) }

// Time is a timestamp element, left out for the zero time.
func Time(name string, t time.Time) Node {
	if t.IsZero() {
		return Node{}
	}
	return S(name, t.UTC().Format(timeLayout))
}

// List wraps items into an element per item.
func List(name string, items []Node) Node { return Node{Name: name, Kids: items} }

// Strings is a list of text elements, each named item.
func Strings(name, item string, values []string) Node {
	n := Node{Name: name}
	for _, v := range values {
		n.Kids = append(n.Kids, S(item, v))
	}
	return n
}

// Append writes the element to buf; an element without a name writes nothing.
func (n Node) Append(buf *bytes.Buffer) {
	if n.Name == "" {
		return
	}
	buf.WriteByte('<')
	buf.WriteString(n.Name)
	if n.Text == "" && len(n.Kids) == 0 {
		buf.WriteString("/>")
		return
	}
	buf.WriteByte('>')
	if n.Text != "" {
		// EscapeText only fails when the writer does; a bytes.Buffer does not.
		_ = xml.EscapeText(buf, []byte(n.Text))
	}
	for _, k := range n.Kids {
		k.Append(buf)
	}
	buf.WriteString("</")
	buf.WriteString(n.Name)
	buf.WriteByte('>')
}

// Response renders the document of a successful call. result may be nil for
// the actions that answer with metadata only (DeleteDBParameterGroup, ...).
func Response(namespace, action, requestID string, result []Node) []byte {
	var buf bytes.Buffer
	buf.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	buf.WriteString(`<` + action + `Response xmlns="` + namespace + `">`)
	if result != nil {
		Node{Name: action + "Result", Kids: result}.Append(&buf)
	}
	E("ResponseMetadata", S("RequestId", requestID)).Append(&buf)
	buf.WriteString(`</` + action + `Response>`)
	return buf.Bytes()
}

// ErrorResponse renders the document of a refused call.
func ErrorResponse(namespace, requestID string, e *Error) []byte {
	kind := "Sender"
	if e.Status >= 500 {
		kind = "Receiver"
	}
	var buf bytes.Buffer
	buf.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	buf.WriteString(`<ErrorResponse xmlns="` + namespace + `">`)
	E("Error", S("Type", kind), S("Code", e.Code), S("Message", e.Message)).Append(&buf)
	S("RequestId", requestID).Append(&buf)
	buf.WriteString(`</ErrorResponse>`)
	return buf.Bytes()
}
