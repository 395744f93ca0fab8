// What each reason of a condition means, and what to do about it: the closed list that the reference shows.
import type { ConditionType, Reasons } from './conditions.ts';

/** What a condition is about. */
export const conditionMeanings = {
  Ready: 'Whether this generation of the object is in force, whole. The other conditions say why it is not.',
  Accepted: 'Whether the object itself is right, looked at alone and beside others of its kind.',
  ResolvedRefs: 'Whether everything that an ExchangeClient refers to is in force, and permits it. An entry that does not is inert; the others work.',
  KeysAvailable: 'Whether there are keys to verify the tokens of a TrustedIssuer with.',
  ExamplesPassed: 'Whether the examples in an ExchangeClient come out as they expect.',
  Reconciling: 'Work is in progress that may mend it without anybody\'s help (kstatus).',
  Stalled: 'Nothing will change until somebody changes something (kstatus).',
} as const satisfies Record<ConditionType, string>;

const suspended = '`spec.suspend` is true: nothing of the object is in force. Set it to false when that is over.';
const notAccepted = 'The object is off: the condition Accepted says why.';
const partlyLoaded = 'Some entries are inert, the others work. ResolvedRefs names them.';
const nothingLoaded = 'No entry of `subjects`, or none of `targets`, is left: every request of the client is refused. ResolvedRefs says why.';
const keysUnavailable = 'There are no keys to verify with: tokens of this issuer, or of one that this client refers to, are answered with 503 meanwhile. KeysAvailable of the TrustedIssuer says why.';
const examplesWiden = 'An example is allowed that should be denied, or gives other claims than it expects: the policy is wider than its author says, so the client is kept out. Mend the rules, or the example.';

/** What a reason means, by the condition that has it. */
export const reasonMeanings = {
  Ready: {
    Ready: 'The object is in force.',
    PartlyLoaded: partlyLoaded,
    NothingLoaded: nothingLoaded,
    Suspended: suspended,
    NotAccepted: notAccepted,
    KeysUnavailable: keysUnavailable,
    ExamplesWiden: examplesWiden,
  },
  Accepted: {
    Accepted: 'The object was understood whole.',
    UnknownField: 'A field is not known: it could have been a limit, so the object is off. Correct its name; the message has the nearest one.',
    InvalidField: 'A field has a value that it may not have. The message says which, and what it may be.',
    InvalidExpression: 'An expression can not be compiled, or has the wrong type. The message says where.',
    InvalidKey: 'A key is broken, weak, private, or none that signatures are verified with. Replace it.',
    Conflicted: 'Another object claims the same: a `subjectPrefix`, or an audience. All of them are off. Change or delete one.',
    Reserved: 'The issuer is Cambio itself, whose tokens can not be exchanged again.',
    KeysRequired: 'Another TrustedIssuer has the same URL, and without published keys nobody could tell whose token it is. Verify by keys, or let only one have that URL.',
  },
  ResolvedRefs: {
    Resolved: 'Everything that it refers to is in force.',
    IssuerNotFound: 'There is no TrustedIssuer of that name. Correct the name, or make it.',
    IssuerNotReady: 'The TrustedIssuer is off, or has no keys yet. Its own status says why.',
    IssuerNotPermitted: 'The TrustedIssuer is not for this namespace. Its `allowedNamespaces` decide.',
    TargetNotReady: 'A TargetService names this audience, and is off: the audience is closed to everybody. Its own status says why.',
    AudienceNotPermitted: 'No TargetService permits this audience to this namespace. Its `allowedNamespaces` decide.',
    AudienceReserved: 'The audience is Cambio\'s own, the API server\'s, or one of `--reserved-audiences`: it is for trusted namespaces only.',
    ScopeNotPermitted: 'The TargetService does not have one of the scopes. Take it out, or have it added there.',
    ClaimNotPermitted: 'The TargetService does not let clients of this namespace set one of the claims. Its `claims` decide.',
    SubjectMappingNotPermitted: 'The TargetService does not let clients of this namespace replace `sub`. Its `subjectMapping` decides.',
    ServiceAccountNotPermitted: 'The ServiceAccount is in another namespace, or the issuer\'s tokens are not ServiceAccount tokens.',
  },
  KeysAvailable: {
    Available: 'The keys are known, and fetched as they should be.',
    Stale: 'The keys can not be refreshed; the message says what failed. True: the last good ones are used. False: they have become too old, and tokens are answered with 503.',
    FetchFailed: 'The keys could not be fetched. The message says why; it is tried again.',
    AddressRefused: 'The host is at an address that is not public, or is none of `--allowed-issuer-hosts`, or the URL is http. Set `allowPrivateAddresses`, or add the host, if that is meant.',
    IssuerMismatch: 'The discovery document names another issuer. Correct `issuer.url`, letter by letter.',
    NoUsableKeys: 'None of the published keys can verify a token; the message says why. Keys of before are gone.',
    SharedKey: 'Another TrustedIssuer with the same URL has a key of this one: tokens signed with it are refused from clients that refer to both.',
  },
  ExamplesPassed: {
    Passed: 'All examples come out as they expect.',
    None: 'There are no examples.',
    Denied: 'An example is denied that should be allowed. The client works, but not as its author says.',
    Widened: examplesWiden,
  },
  Reconciling: { KeysUnavailable: keysUnavailable },
  Stalled: { NotAccepted: notAccepted, NothingLoaded: nothingLoaded, PartlyLoaded: partlyLoaded, Suspended: suspended, ExamplesWiden: examplesWiden },
} as const satisfies { [T in ConditionType]: Record<Reasons[T], string> };
