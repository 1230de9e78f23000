// Written by `python -m api protocol` from api/protocol.py and core/events.py; do not edit.

export interface Start {
  kind: "start";
  key: string;
}

export interface Resume {
  kind: "resume";
  token: string;
  after: number;
  epoch?: string | null;
}

export interface Say {
  kind: "say";
  key: string;
  text: string;
}

export interface AskHuman {
  kind: "ask_human";
  key: string;
}

export interface BackToBot {
  kind: "back_to_bot";
}

export interface LeaveContact {
  kind: "leave_contact";
  key: string;
  email: string;
  text: string;
}

export interface EndChat {
  kind: "end";
}

export interface Typing {
  kind: "typing";
}

export interface Ping {
  kind: "ping";
}

export interface Watch {
  ref?: string;
  kind: "watch";
  conversation_id: string;
  after?: number;
}

export interface Unwatch {
  ref?: string;
  kind: "unwatch";
  conversation_id: string;
}

export interface Claim {
  ref?: string;
  kind: "claim";
  conversation_id: string;
}

export interface StepIn {
  ref?: string;
  kind: "step_in";
  conversation_id: string;
}

export interface TakeOver {
  ref?: string;
  kind: "take_over";
  conversation_id: string;
}

export interface OfferChat {
  ref?: string;
  kind: "offer";
  conversation_id: string;
  to: string;
  note: string;
}

export interface AcceptOffer {
  ref?: string;
  kind: "accept_offer";
  conversation_id: string;
}

export interface EndOffer {
  ref?: string;
  kind: "end_offer";
  conversation_id: string;
}

export interface Release {
  ref?: string;
  kind: "release";
  conversation_id: string;
}

export interface ReturnToBot {
  ref?: string;
  kind: "return_to_bot";
  conversation_id: string;
  agreed?: string;
}

export interface Close {
  ref?: string;
  kind: "close";
  conversation_id: string;
  outcome?: "solved" | "unsolved" | "no_reply" | "abuse";
}

export interface Reopen {
  ref?: string;
  kind: "reopen";
  conversation_id: string;
}

export interface AgentSay {
  ref?: string;
  kind: "say";
  conversation_id: string;
  key: string;
  text: string;
}

export interface WriteNote {
  ref?: string;
  kind: "note";
  conversation_id: string;
  key: string;
  text: string;
}

export interface AgentTyping {
  ref?: string;
  kind: "typing";
  conversation_id: string;
}

export interface Presence {
  ref?: string;
  kind: "presence";
  status: "online" | "busy" | "away" | "break";
}

export interface DeskPing {
  ref?: string;
  kind: "ping";
}

export interface Welcome {
  kind: "welcome";
  conversation_id: string;
  token: string | null;
  epoch: string;
  reset: boolean;
  last_seq: number;
}

export interface Basis {
  decision_id: string;
  decision: "answer" | "clarify" | "smalltalk" | "decline" | "handoff";
  faq_id?: string | null;
  title?: string;
  also?: string[];
  confidence: number;
  handoff?: "none" | "offered" | "requested";
  reason?: "asked_for_human" | "frustrated" | "stuck" | "complex" | "sensitive" | "abusive" | "vulnerable" | "bot_failure" | null;
}

export interface Button {
  title: string;
  payload: string;
}

export interface ChatClaimed {
  conversation_id: string;
  at: string;
  seq?: number;
  kind: "chat_claimed";
  agent_id: string;
  agent_name: string;
  how?: "claimed" | "accepted" | "taken_over" | "stepped_in" | "reopened";
}

export interface ChatClosed {
  conversation_id: string;
  at: string;
  seq?: number;
  kind: "chat_closed";
  by: "agent" | "visitor";
}

export interface ChatOffered {
  conversation_id: string;
  at: string;
  seq?: number;
  kind: "chat_offered";
  by_name: string;
  to_id: string;
  to_name: string;
  note: string;
}

export interface ChatQueued {
  conversation_id: string;
  at: string;
  seq?: number;
  kind: "chat_queued";
  reason: "asked_for_human" | "frustrated" | "stuck" | "complex" | "sensitive" | "abusive" | "vulnerable" | "bot_failure";
}

export interface ChatReleased {
  conversation_id: string;
  at: string;
  seq?: number;
  kind: "chat_released";
  cause: "released" | "agent_vanished";
}

export interface ChatReopened {
  conversation_id: string;
  at: string;
  seq?: number;
  kind: "chat_reopened";
}

export interface ChatReturned {
  conversation_id: string;
  at: string;
  seq?: number;
  kind: "chat_returned";
  by: "agent" | "visitor";
}

export interface ConsentChanged {
  conversation_id: string;
  at: string;
  seq?: number;
  kind: "consent_changed";
  chat: boolean;
  sentiment: boolean;
  remember: boolean;
}

export interface ContactLeft {
  conversation_id: string;
  at: string;
  seq?: number;
  kind: "contact_left";
  email: string;
  text: string;
}

export interface DecisionMade {
  conversation_id: string;
  at: string;
  seq?: number;
  kind: "decision_made";
  basis: Basis;
  covers: number[];
  sentiment: "negative" | "neutral" | "positive" | null;
  frustration: number | null;
  rule: string;
  scored?: boolean;
}

export interface MessageSaid {
  conversation_id: string;
  at: string;
  seq?: number;
  kind: "message_said";
  message_id: string;
  key: string;
  sender: Sender;
  text: string;
  format?: "plain" | "markdown";
  buttons?: Button[];
  basis?: Basis | null;
}

export interface NoteWritten {
  conversation_id: string;
  at: string;
  seq?: number;
  kind: "note_written";
  key: string;
  author_id: string;
  author_name: string;
  text: string;
}

export interface OfferEnded {
  conversation_id: string;
  at: string;
  seq?: number;
  kind: "offer_ended";
  how: "declined" | "withdrawn";
  agent_name: string;
}

export interface OutcomeNoted {
  conversation_id: string;
  at: string;
  seq?: number;
  kind: "outcome_noted";
  outcome: "solved" | "unsolved" | "no_reply" | "abuse";
  agent_id: string;
}

export interface ReviewAsked {
  conversation_id: string;
  at: string;
  seq?: number;
  kind: "review_asked";
  review_id: string;
  decision_id: string;
  words: string | null;
}

export interface ReviewDecided {
  conversation_id: string;
  at: string;
  seq?: number;
  kind: "review_decided";
  review_id: string;
  decision_id: string;
  outcome: "upheld" | "changed";
}

export interface Sender {
  kind: "visitor" | "bot" | "agent" | "system";
  id?: string | null;
  name?: string;
}

export interface Happened {
  kind: "happened";
  prev: number;
  event: MessageSaid | ChatQueued | ChatClaimed | ChatReleased | ChatReturned | ChatClosed | ChatReopened | ChatOffered | OfferEnded | OutcomeNoted | NoteWritten | ContactLeft | DecisionMade | ConsentChanged | ReviewAsked | ReviewDecided;
}

export interface Stored {
  kind: "stored";
  key: string;
  seq: number;
}

export interface State {
  kind: "state";
  holder: "bot" | "queue" | "agent" | "closed";
  agent_name?: string | null;
  bot_thinking: boolean;
  position?: number | null;
  wait_seconds?: number | null;
  desk_open: boolean;
  contact_left?: boolean;
}

export interface IsTyping {
  kind: "typing";
  conversation_id: string;
  who: Sender;
}

export interface Looking {
  kind: "looking";
  conversation_id: string;
  who: Sender;
  here: boolean;
}

export interface Pong {
  kind: "pong";
  last_seq?: number;
}

export interface Refused {
  kind: "refused";
  code: string;
  message: string;
  ref?: string;
  retry_after?: number | null;
}

export interface Me {
  id: string;
  name: string;
  email: string;
  role: "owner" | "agent";
}

export interface DeskWelcome {
  kind: "desk_welcome";
  me: Me;
  epoch: string;
}

export interface AgentState {
  id: string;
  name: string;
  status: "online" | "busy" | "away" | "break";
  holds: number;
}

export interface Fact {
  what: "order" | "email" | "phone" | "date" | "amount" | "reference";
  text: string;
}

export interface HeadStart {
  why: "danger" | "frustration" | "sensitive" | "put_back";
  minutes: number;
}

export interface LeftMessage {
  id: string;
  conversation_id: string;
  email: string;
  text: string;
  at: string;
}

export interface Offered {
  to_id: string;
  to_name: string;
  note: string;
}

export interface QueueItem {
  conversation_id: string;
  state: "bot" | "waiting" | "claimed" | "closed";
  reason: "asked_for_human" | "frustrated" | "stuck" | "complex" | "sensitive" | "abusive" | "vulnerable" | "bot_failure" | "stepped_in" | null;
  sentiment: "negative" | "neutral" | "positive" | null;
  frustration: number | null;
  scored?: boolean;
  waiting_since: string | null;
  head_starts?: HeadStart[];
  veiled?: boolean;
  offered?: Offered | null;
  outcome?: "solved" | "unsolved" | "no_reply" | "abuse" | null;
  ended_at?: string | null;
  claimed_at?: string | null;
  agent_id: string | null;
  agent_name: string | null;
  summary: Summary | null;
  last_text: string;
  last_from: string;
  last_at: string;
  last_seq: number;
  channel: string;
}

export interface Suggested {
  conversation_id: string | null;
  why: "first" | "calm_next" | "only_heated" | "rest" | "nobody_waits";
}

export interface Summary {
  wants: string;
  facts?: Fact[];
  tried?: string[];
  open?: string;
}

export interface Queue {
  kind: "queue";
  waiting: QueueItem[];
  mine: QueueItem[];
  others: QueueItem[];
  with_bot: QueueItem[];
  left: LeftMessage[];
  agents: AgentState[];
  suggested: Suggested;
  closed: number;
}

export interface Watched {
  kind: "watched";
  conversation_id: string;
  last_seq: number;
  holder: "bot" | "queue" | "agent" | "closed";
  ref?: string;
}

export interface Erased {
  kind: "erased";
  conversation_id: string;
}

export interface Done {
  kind: "done";
  ref: string;
}

export type VisitorFrame =
  | Start
  | Resume
  | Say
  | AskHuman
  | BackToBot
  | LeaveContact
  | EndChat
  | Typing
  | Ping;

export type DeskFrame =
  | Watch
  | Unwatch
  | Claim
  | StepIn
  | TakeOver
  | OfferChat
  | AcceptOffer
  | EndOffer
  | Release
  | ReturnToBot
  | Close
  | Reopen
  | AgentSay
  | WriteNote
  | AgentTyping
  | Presence
  | DeskPing;

export type ServerFrame =
  | Welcome
  | Happened
  | Stored
  | State
  | IsTyping
  | Looking
  | Pong
  | Refused
  | DeskWelcome
  | Queue
  | Watched
  | Erased
  | Done;

export type Event =
  | MessageSaid
  | ChatQueued
  | ChatClaimed
  | ChatReleased
  | ChatReturned
  | ChatClosed
  | ChatReopened
  | ChatOffered
  | OfferEnded
  | OutcomeNoted
  | NoteWritten
  | ContactLeft
  | DecisionMade
  | ConsentChanged
  | ReviewAsked
  | ReviewDecided;
