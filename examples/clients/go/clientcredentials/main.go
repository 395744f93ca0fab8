// Exchanges the token in $SUBJECT_TOKEN_FILE with golang.org/x/oauth2/clientcredentials, whose grant type may be overridden.
// The subject token stands in the configuration: for one that is renewed, make a new configuration for each exchange.
package main

import (
	"context"
	"fmt"
	"log"
	"net/url"
	"os"
	"strings"

	"cambio.dev/examples/clients/verify"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

const audience = "https://deploy.example.com"

func main() {
	ctx, issuer := context.Background(), os.Getenv("ISSUER")
	subjectToken, err := os.ReadFile(os.Getenv("SUBJECT_TOKEN_FILE"))
	if err != nil {
		log.Fatal(err)
	}
	config := clientcredentials.Config{
		ClientID:  "payments/deployer",
		TokenURL:  issuer + "/token",
		AuthStyle: oauth2.AuthStyleInParams,
		Scopes:    []string{"deploy"},
		EndpointParams: url.Values{
			"grant_type":         {"urn:ietf:params:oauth:grant-type:token-exchange"},
			"subject_token":      {strings.TrimSpace(string(subjectToken))},
			"subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"},
			"audience":           {audience},
		},
	}
	token, err := config.Token(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if err := verify.Token(ctx, issuer, audience, token.AccessToken); err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.AccessToken)
}
