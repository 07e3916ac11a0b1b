package world

import (
	"encoding/json"
	"fmt"
	"html"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Server answers as AWS and as a server of states does, from the world that it was given last.
type Server struct {
	mu        sync.Mutex
	world     *World
	directory string
	listener  net.Listener
}

// Serve starts a server on a free port of this machine.
func Serve() (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{world: &World{}, listener: listener}
	go func() { _ = http.Serve(listener, s) }()
	return s, nil
}

// Address is its host and port.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Play makes it answer from a world whose files are in a directory.
func (s *Server) Play(w *World, directory string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.world, s.directory = w, directory
}

// ServeHTTP tells the services apart by what their protocols differ in.
func (s *Server) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch target := request.Header.Get("X-Amz-Target"); {
	case target == "AmazonSSM.GetParameter":
		s.parameter(answer, request)
	case target == "secretsmanager.DescribeSecret":
		s.secret(answer, request)
	case request.Method == http.MethodPost:
		s.stacks(answer, request)
	default:
		s.state(answer, request)
	}
}

func (s *Server) parameter(answer http.ResponseWriter, request *http.Request) {
	var asked struct{ Name string }
	_ = json.NewDecoder(request.Body).Decode(&asked)
	found, ok := s.world.Parameters[asked.Name]
	if !ok {
		refuse(answer, "ParameterNotFound")
		return
	}
	answerJSON(answer, map[string]any{"Parameter": map[string]any{
		"Name": asked.Name, "Type": found.Type, "Value": found.Value, "Version": 1,
	}})
}

func (s *Server) secret(answer http.ResponseWriter, request *http.Request) {
	var asked struct{ SecretId string }
	_ = json.NewDecoder(request.Body).Decode(&asked)
	arn, ok := s.world.Secrets[asked.SecretId]
	if !ok {
		refuse(answer, "ResourceNotFoundException")
		return
	}
	answerJSON(answer, map[string]any{"ARN": arn, "Name": asked.SecretId})
}

func (s *Server) stacks(answer http.ResponseWriter, request *http.Request) {
	_ = request.ParseForm()
	answer.Header().Set("Content-Type", "text/xml")
	if request.Form.Get("Action") == "ListExports" {
		members := ""
		for name, value := range s.world.Exports {
			members += fmt.Sprintf("<member><Name>%s</Name><Value>%s</Value></member>",
				html.EscapeString(name), html.EscapeString(value))
		}
		fmt.Fprintf(answer, "<ListExportsResponse><ListExportsResult><Exports>%s</Exports></ListExportsResult>"+
			"</ListExportsResponse>", members)
		return
	}
	name := request.Form.Get("StackName")
	outputs, ok := s.world.Stacks[name]
	if !ok {
		answer.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(answer, "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>"+
			"<Message>no such stack</Message></Error></ErrorResponse>")
		return
	}
	members := ""
	for key, value := range outputs {
		members += fmt.Sprintf("<member><OutputKey>%s</OutputKey><OutputValue>%s</OutputValue></member>",
			html.EscapeString(key), html.EscapeString(value))
	}
	fmt.Fprintf(answer, "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>%s</StackName>"+
		"<CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus>"+
		"<Outputs>%s</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>",
		html.EscapeString(name), members)
}

// state serves the states at S3 by path, and those at a URL by path and query.
func (s *Server) state(answer http.ResponseWriter, request *http.Request) {
	for url, file := range s.world.States {
		scheme, rest, _ := strings.Cut(url, "://")
		_, rest, _ = cutUser(rest)
		host, path, _ := strings.Cut(rest, "/")
		wanted := "/" + path
		if scheme == "s3" {
			wanted = "/" + host + "/" + path
		}
		asked := request.URL.Path
		if scheme != "s3" {
			asked = request.URL.RequestURI()
		}
		if asked != wanted {
			continue
		}
		text, err := os.ReadFile(filepath.Join(s.directory, file))
		if err == nil {
			_, _ = answer.Write(text)
			return
		}
	}
	answer.WriteHeader(http.StatusNotFound)
	fmt.Fprint(answer, "<Error><Code>NoSuchKey</Code><Message>not in the case</Message></Error>")
}

// Local makes every URL of a text that the world has a state for one of this server.
func (s *Server) Local(text string, w *World) string {
	for url := range w.States {
		scheme, rest, _ := strings.Cut(url, "://")
		if scheme == "s3" {
			continue
		}
		user, rest, _ := cutUser(rest)
		_, path, _ := strings.Cut(rest, "/")
		text = strings.ReplaceAll(text, url, "http://"+user+s.Address()+"/"+path)
	}
	return text
}

func cutUser(rest string) (user, host string, found bool) {
	user, host, found = strings.Cut(rest, "@")
	if !found {
		return "", rest, false
	}
	return user + "@", host, true
}

func answerJSON(answer http.ResponseWriter, value any) {
	answer.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(answer).Encode(value)
}

func refuse(answer http.ResponseWriter, kind string) {
	answer.Header().Set("Content-Type", "application/x-amz-json-1.1")
	answer.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(answer).Encode(map[string]string{"__type": kind, "message": "not in the case"})
}
