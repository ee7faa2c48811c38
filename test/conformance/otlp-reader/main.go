// Reads OTLP/JSON bodies as the OpenTelemetry Collector does, with its own decoder, and prints what it understood.
//
//	otlp-reader < [{"path": "/v1/traces", "body": "..."}]
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

type request struct {
	Path string `json:"path"`
	Body string `json:"body"`
}

type span struct {
	Part, Name, Kind, TraceID, SpanID, ParentID, Status string
	Nanos                                               int64
	Attributes                                          map[string]any
}

type metric struct {
	Part, Name, Type string
	Points           int
	Monotonic        bool
}

type record struct {
	Service, Instance, Event, Severity, Text, Body, TraceID string
	Number                                                  int32
	Time, Observed                                          int64
	Attributes                                              map[string]any
}

func main() {
	var requests []request
	check(json.NewDecoder(os.Stdin).Decode(&requests))
	spans, metrics, logs := []span{}, []metric{}, []record{}
	for _, r := range requests {
		switch r.Path {
		case "/v1/traces":
			spans = append(spans, readSpans(r.Body)...)
		case "/v1/metrics":
			metrics = append(metrics, readMetrics(r.Body)...)
		case "/v1/logs":
			logs = append(logs, readLogs(r.Body)...)
		default:
			check(fmt.Errorf("nothing is sent to %s", r.Path))
		}
	}
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{"spans": spans, "metrics": metrics, "logs": logs}))
}

func readSpans(body string) (read []span) {
	decoded := ptraceotlp.NewExportRequest()
	check(decoded.UnmarshalJSON([]byte(body)))
	resources := decoded.Traces().ResourceSpans()
	for i := 0; i < resources.Len(); i++ {
		part, _ := resources.At(i).Resource().Attributes().Get("keystead.part")
		scopes := resources.At(i).ScopeSpans()
		for j := 0; j < scopes.Len(); j++ {
			for k := 0; k < scopes.At(j).Spans().Len(); k++ {
				s := scopes.At(j).Spans().At(k)
				read = append(read, span{part.AsString(), s.Name(), s.Kind().String(), s.TraceID().String(), s.SpanID().String(),
					s.ParentSpanID().String(), s.Status().Code().String(), int64(s.EndTimestamp() - s.StartTimestamp()), s.Attributes().AsRaw()})
			}
		}
	}
	return read
}

func readMetrics(body string) (read []metric) {
	decoded := pmetricotlp.NewExportRequest()
	check(decoded.UnmarshalJSON([]byte(body)))
	resources := decoded.Metrics().ResourceMetrics()
	for i := 0; i < resources.Len(); i++ {
		part, _ := resources.At(i).Resource().Attributes().Get("keystead.part")
		scopes := resources.At(i).ScopeMetrics()
		for j := 0; j < scopes.Len(); j++ {
			for k := 0; k < scopes.At(j).Metrics().Len(); k++ {
				m := scopes.At(j).Metrics().At(k)
				one := metric{Part: part.AsString(), Name: m.Name(), Type: m.Type().String()}
				switch m.Type().String() {
				case "Sum":
					one.Points, one.Monotonic = m.Sum().DataPoints().Len(), m.Sum().IsMonotonic()
				case "Gauge":
					one.Points = m.Gauge().DataPoints().Len()
				case "Summary":
					one.Points = m.Summary().DataPoints().Len()
				}
				read = append(read, one)
			}
		}
	}
	return read
}

func readLogs(body string) (read []record) {
	decoded := plogotlp.NewExportRequest()
	check(decoded.UnmarshalJSON([]byte(body)))
	resources := decoded.Logs().ResourceLogs()
	for i := 0; i < resources.Len(); i++ {
		service, _ := resources.At(i).Resource().Attributes().Get("service.name")
		instance, _ := resources.At(i).Resource().Attributes().Get("service.instance.id")
		scopes := resources.At(i).ScopeLogs()
		for j := 0; j < scopes.Len(); j++ {
			for k := 0; k < scopes.At(j).LogRecords().Len(); k++ {
				l := scopes.At(j).LogRecords().At(k)
				read = append(read, record{service.AsString(), instance.AsString(), l.EventName(), l.SeverityNumber().String(), l.SeverityText(),
					l.Body().AsString(), l.TraceID().String(), int32(l.SeverityNumber()), int64(l.Timestamp()), int64(l.ObservedTimestamp()),
					l.Attributes().AsRaw()})
			}
		}
	}
	return read
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
