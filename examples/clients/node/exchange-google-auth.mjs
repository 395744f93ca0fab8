// Exchanges a token with google-auth-library. GOOGLE_APPLICATION_CREDENTIALS names the external_account file.
import { GoogleAuth } from 'google-auth-library';

const auth = new GoogleAuth({ scopes: ['deploy'] });
console.log(await auth.getAccessToken());
