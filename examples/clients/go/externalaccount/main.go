// Exchanges the token in $SUBJECT_TOKEN_FILE with golang.org/x/oauth2/google/externalaccount: the file is read anew for each exchange.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"cambio.dev/examples/clients/verify"
	"golang.org/x/oauth2/google/externalaccount"
)

const audience = "https://deploy.example.com"

func main() {
	ctx, issuer := context.Background(), os.Getenv("ISSUER")
	source, err := externalaccount.NewTokenSource(ctx, externalaccount.Config{
		Audience:         audience,
		SubjectTokenType: "urn:ietf:params:oauth:token-type:jwt",
		TokenURL:         issuer + "/clients/payments/deployer/token",
		CredentialSource: &externalaccount.CredentialSource{File: os.Getenv("SUBJECT_TOKEN_FILE")},
		Scopes:           []string{"deploy"},
	})
	if err != nil {
		log.Fatal(err)
	}
	// oauth2.NewClient(ctx, source) is an http.Client that sends the token and renews it.
	token, err := source.Token()
	if err != nil {
		log.Fatal(err)
	}
	if err := verify.Token(ctx, issuer, audience, token.AccessToken); err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.AccessToken)
}
