//! Callers that wait for the outcome of their request.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::events::outcome::{OutcomeData, OutcomeKind};
use crate::events::record::RequestKind;
use crate::events::request::MemberId;
use crate::gateway::entry::{Entry, Role};

/// Who waits, by the member and id of the request: an id belongs to its member.
#[derive(Debug, Default)]
pub struct Waiting {
    callers: HashMap<(MemberId, String), Vec<Caller>>,
}

#[derive(Debug)]
struct Caller {
    kind: RequestKind,
    reply: oneshot::Sender<Arc<Entry>>,
}

impl Waiting {
    /// Waits for the outcome of a request.
    pub fn add(&mut self, member: MemberId, id: &str, kind: RequestKind) -> oneshot::Receiver<Arc<Entry>> {
        let (reply, outcome) = oneshot::channel();
        self.callers.entry((member, id.to_owned())).or_default().push(Caller { kind, reply });
        outcome
    }

    /// Hands an outcome to all who wait for it, a repeat too: they asked again.
    pub fn answer(&mut self, outcome: &Arc<Entry>) {
        let Role::Outcome { kind, data, request: Some(request), .. } = &outcome.role else { return };
        let key = (outcome.member, request.clone());
        let Some(callers) = self.callers.get_mut(&key) else { return };
        for caller in callers.extract_if(.., |caller| answers(caller.kind, *kind, data.as_ref())) {
            // A caller that has just gone away gets its events another way.
            let _ = caller.reply.send(outcome.clone());
        }
        if callers.is_empty() {
            self.callers.remove(&key);
        }
    }

    /// Forgets those who no longer wait for this request.
    pub fn tidy(&mut self, member: MemberId, id: &str) {
        let key = (member, id.to_owned());
        let Some(callers) = self.callers.get_mut(&key) else { return };
        callers.retain(|caller| !caller.reply.is_closed());
        if callers.is_empty() {
            self.callers.remove(&key);
        }
    }
}

/// Whether such an outcome can be that of such a request: one id in two topics means two requests. One that cannot be
/// read is told to whoever it may be for: nothing better will come.
pub fn answers(request: RequestKind, kind: OutcomeKind, data: Option<&OutcomeData>) -> bool {
    kind.can_answer(request)
        && match data {
            Some(OutcomeData::Question(question)) => {
                (question.question_number == 1) == (request == RequestKind::ResumeInit)
            }
            Some(OutcomeData::Failed(failed)) => failed.event_name.known() == Some(request),
            Some(OutcomeData::Feedback(_) | OutcomeData::Completed(_)) | None => true,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::outcome::{FailureCode, samples};
    use crate::gateway::entry::tests::{outcome, with_value};

    fn member(id: i64) -> MemberId {
        MemberId::new(id).unwrap()
    }

    fn feedback(request: &str) -> Arc<Entry> {
        Arc::new(outcome(&samples::feedback(), 1, "a", request))
    }

    #[test]
    fn everyone_who_waits_for_the_request_gets_its_outcome() {
        let mut waiting = Waiting::default();
        let mut callers = [(); 2].map(|()| waiting.add(member(7), "r", RequestKind::FeedbackRequested));
        let mut others = [(8, "r"), (7, "s")].map(|(id, r)| waiting.add(member(id), r, RequestKind::FeedbackRequested));
        waiting.answer(&feedback("r"));
        assert!(callers.iter_mut().all(|caller| caller.try_recv().is_ok()));
        assert!(others.iter_mut().all(|caller| caller.try_recv().is_err()));
        assert_eq!(waiting.callers.len(), 2);
    }

    #[test]
    fn one_id_in_two_topics_means_two_requests() {
        let all = RequestKind::ALL;
        let made = |data: OutcomeData| outcome(&data, 1, "a", "r");
        let failed = |kind: RequestKind| made(samples::failed(kind, FailureCode::Internal));
        let of_a_new_kind = failed(all[0]).value().to_string().replace(all[0].event_name(), "A_NEW_ONE");
        let unreadable = |kind: OutcomeKind| with_value(kind, 1, "a", "r", "{}");
        for (outcome, expected) in [
            (made(samples::feedback()), vec![all[0]]),
            (made(samples::question(1)), vec![all[1]]),
            (made(samples::question(2)), vec![all[2]]),
            (made(samples::completed("k")), vec![all[1], all[2]]),
            (failed(all[0]), vec![all[0]]),
            (failed(all[1]), vec![all[1]]),
            (failed(all[2]), vec![all[2]]),
            (with_value(OutcomeKind::RequestFailed, 1, "a", "r", &of_a_new_kind), vec![]),
            (unreadable(OutcomeKind::FeedbackGenerated), vec![all[0]]),
            (unreadable(OutcomeKind::ResumeQuestionGenerated), vec![all[1], all[2]]),
        ] {
            let mut waiting = Waiting::default();
            let callers = all.map(|kind| (kind, waiting.add(member(7), "r", kind)));
            waiting.answer(&Arc::new(outcome.clone()));
            let answered =
                callers.into_iter().filter_map(|(kind, mut caller)| caller.try_recv().is_ok().then_some(kind));
            assert_eq!(answered.collect::<Vec<_>>(), expected, "{:?}", outcome.role);
        }
    }

    #[test]
    fn who_has_gone_is_forgotten() {
        let mut waiting = Waiting::default();
        let mut stays = waiting.add(member(7), "r", RequestKind::FeedbackRequested);
        drop(waiting.add(member(7), "r", RequestKind::FeedbackRequested));
        waiting.tidy(member(7), "r");
        assert_eq!(waiting.callers.values().map(Vec::len).sum::<usize>(), 1);
        waiting.answer(&feedback("r"));
        assert!(stays.try_recv().is_ok());
        drop(waiting.add(member(7), "s", RequestKind::FeedbackRequested));
        waiting.tidy(member(7), "s");
        assert!(waiting.callers.is_empty());
    }
}
