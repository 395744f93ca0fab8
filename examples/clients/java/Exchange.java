// Finds Cambio by discovery, exchanges the token in $SUBJECT_TOKEN_FILE and verifies what is issued: Nimbus OAuth SDK and JOSE+JWT.
import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.proc.DefaultJOSEObjectTypeVerifier;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import com.nimbusds.oauth2.sdk.AccessTokenResponse;
import com.nimbusds.oauth2.sdk.Scope;
import com.nimbusds.oauth2.sdk.TokenRequest;
import com.nimbusds.oauth2.sdk.TokenResponse;
import com.nimbusds.oauth2.sdk.id.Audience;
import com.nimbusds.oauth2.sdk.id.ClientID;
import com.nimbusds.oauth2.sdk.id.Issuer;
import com.nimbusds.oauth2.sdk.token.TokenTypeURI;
import com.nimbusds.oauth2.sdk.token.TypelessAccessToken;
import com.nimbusds.oauth2.sdk.tokenexchange.TokenExchangeGrant;
import com.nimbusds.openid.connect.sdk.op.OIDCProviderMetadata;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;

public class Exchange {
  private static final String AUDIENCE = "https://deploy.example.com";

  public static void main(String[] arguments) throws Exception {
    OIDCProviderMetadata metadata = OIDCProviderMetadata.resolve(new Issuer(System.getenv("ISSUER")));

    String subjectToken = Files.readString(Path.of(System.getenv("SUBJECT_TOKEN_FILE"))).strip();
    TokenExchangeGrant grant = new TokenExchangeGrant(
        new TypelessAccessToken(subjectToken), TokenTypeURI.JWT, null, null, TokenTypeURI.ACCESS_TOKEN, Audience.create(AUDIENCE));
    TokenRequest request = new TokenRequest.Builder(metadata.getTokenEndpointURI(), new ClientID("payments/deployer"), grant)
        .scope(new Scope("deploy"))
        .build();
    TokenResponse response = TokenResponse.parse(request.toHTTPRequest().send());
    if (!response.indicatesSuccess()) {
      throw new IllegalStateException(response.toErrorResponse().getErrorObject().toJSONObject().toJSONString());
    }
    AccessTokenResponse granted = response.toSuccessResponse();
    String token = granted.getTokens().getAccessToken().getValue();

    // What the service does that gets the token.
    DefaultJWTProcessor<SecurityContext> processor = new DefaultJWTProcessor<>();
    processor.setJWSTypeVerifier(new DefaultJOSEObjectTypeVerifier<>(new JOSEObjectType("at+jwt")));
    processor.setJWSKeySelector(new JWSVerificationKeySelector<>(
        Set.of(JWSAlgorithm.ES256, JWSAlgorithm.RS256), JWKSourceBuilder.create(metadata.getJWKSetURI().toURL()).build()));
    processor.setJWTClaimsSetVerifier(new DefaultJWTClaimsVerifier<>(
        AUDIENCE, new JWTClaimsSet.Builder().issuer(metadata.getIssuer().getValue()).build(), Set.of("sub", "exp", "iat", "client_id")));
    processor.process(token, null);
    System.out.println(token);
  }
}
