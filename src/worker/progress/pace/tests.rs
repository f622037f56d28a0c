use super::*;
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);

/// A feedback request that is in work, `ago` since.
fn at_work(is_resume: bool, is_later: bool, ago: Duration) -> (Pace, Instant) {
    let now = Instant::now();
    let mut pace = Pace::new(is_resume, is_later, 40, now);
    pace.goes_on(now);
    (pace, now + ago)
}

fn text(text: &str) -> Option<News> {
    Some(News::Text(text.to_owned()))
}

fn section(heading: &str, percent: impl Into<Option<u8>>) -> Option<News> {
    Some(News::Section { heading: heading.to_owned(), percent: percent.into() })
}

fn extent(chars: usize) -> Extent {
    Extent { chars, usual: 1_000 }
}

#[test]
fn nothing_is_told_of_who_is_nearly_done_by_then() {
    let (mut pace, began) = at_work(false, false, Duration::ZERO);
    assert!(!pace.is_due(began + MS * 299) && pace.is_due(began + MS * 300));
    assert_eq!(pace.wrote("하나.", began + MS * 299), None);
    assert_eq!(pace.tick(began + MS * 299), Due::Nothing);
    assert_eq!(pace.tick(began + MS * 300), Due::Tell(News::Text("하나.".to_owned())), "it was held back");
}

#[test]
fn what_comes_too_soon_is_held_back_and_the_latest_of_it_is_told() {
    let (mut pace, now) = at_work(false, false, MS * 300);
    assert_eq!(pace.wrote("하나.", now), text("하나."));
    assert_eq!((pace.wrote("하나. 둘.", now + MS), pace.wrote("하나. 둘. 셋.", now + MS * 149)), (None, None));
    assert!(!pace.is_due(now + MS * 149) && pace.is_due(now + MS * 150));
    assert_eq!(pace.tick(now + MS * 149), Due::Nothing);
    assert_eq!(pace.tick(now + MS * 150), Due::Tell(News::Text("하나. 둘. 셋.".to_owned())));
    assert_eq!(pace.tick(now + MS * 900), Due::Nothing, "it is told once");
}

#[test]
fn after_the_outcome_nothing_is_told_and_nothing_held_back() {
    let (mut pace, now) = at_work(true, false, MS * 300);
    assert_eq!(pace.wrote_section("소개", extent(10), now), section("소개", 1));
    assert_eq!(pace.stores(now + MS), None);
    pace.waits(now + MS);
    pace.ends();
    for later in [150, 5_000] {
        let later = now + MS * later;
        assert_eq!((pace.tick(later), pace.is_due(later), pace.stores(later)), (Due::Nothing, false, None));
        assert_eq!((pace.wrote("하나.", later), pace.is_answered(false, later)), (None, None));
    }
}

#[test]
fn a_long_text_leaves_something_for_later_and_room_for_a_wait() {
    let (mut pace, mut now) = at_work(false, false, MS * 300);
    let mut told = Vec::new();
    for sentence in 0..600 {
        if let Some(news) = pace.wrote(&"가.".repeat(sentence + 1), now) {
            told.push((sentence, news.stage()));
        }
        now += MS * 10;
    }
    let at: Vec<usize> = told.iter().map(|(sentence, _)| *sentence).collect();
    assert_eq!(at, [0, 15, 30, 60, 120], "in hundredths of a second");
    pace.waits(now);
    pace.opened();
    assert_eq!(pace.tick(now + WAITING_AFTER), Due::Tell(News::Waiting));
    pace.goes_on(now + WAITING_AFTER);
    assert_eq!((pace.is_due(now + WAITING_AFTER * 9), pace.told), (false, FIRST_MAX));
}

#[test]
fn a_wait_is_told_once_it_is_long_and_the_request_is_known_to_be_open() {
    let now = Instant::now();
    let mut pace = Pace::new(false, false, 0, now);
    pace.opened();
    assert_eq!(pace.tick(now + MS * 1_999), Due::Nothing);
    assert_eq!(pace.tick(now + MS * 2_000), Due::Tell(News::Waiting));
    assert_eq!(pace.tick(now + MS * 9_000), Due::Nothing);
    pace.goes_on(now + MS * 9_000);
    pace.waits(now + MS * 9_100);
    assert_eq!(pace.tick(now + MS * 99_000), Due::Nothing, "once");
}

#[test]
fn a_wait_counts_from_its_own_beginning() {
    let (mut pace, now) = at_work(false, false, MS * 1_500);
    pace.opened();
    pace.waits(now);
    pace.waits(now + MS * 1_000);
    assert_eq!(pace.tick(now + MS * 1_999), Due::Nothing);
    assert_eq!(pace.tick(now + MS * 2_000), Due::Tell(News::Waiting));
}

#[test]
fn whoever_has_had_no_turn_is_looked_up_first() {
    for answered in [true, false] {
        let now = Instant::now();
        let mut pace = Pace::new(false, false, 0, now);
        assert_eq!(pace.tick(now + WAITING_AFTER), Due::AskWhetherAnswered);
        assert_eq!(pace.tick(now + WAITING_AFTER + MS), Due::Nothing, "it is asked once");
        assert_eq!(pace.is_answered(answered, now + WAITING_AFTER + MS).is_some(), !answered);
        assert_eq!(pace.tick(now + WAITING_AFTER * 2), Due::Nothing);
    }
    let now = Instant::now();
    let mut pace = Pace::new(false, false, 0, now);
    assert_eq!(pace.tick(now + WAITING_AFTER), Due::AskWhetherAnswered);
    pace.goes_on(now + WAITING_AFTER);
    assert_eq!(pace.is_answered(false, now + WAITING_AFTER + MS), None, "its turn has come meanwhile");
}

#[test]
fn waits_between_tries_add_up() {
    let now = Instant::now();
    let mut pace = Pace::new(false, false, 0, now);
    pace.opened();
    for second in 0..3 {
        pace.goes_on(now + MS * (second * 1_000 + 800));
        pace.waits(now + MS * (second * 1_000 + 1_000));
    }
    assert_eq!(pace.tick(now + MS * 3_000), Due::Tell(News::Waiting));
}

#[test]
fn who_may_not_be_the_first_tells_no_wait_before_it_has_the_request_for_itself() {
    let now = Instant::now();
    let mut pace = Pace::new(false, true, 0, now);
    assert_eq!(pace.tick(now + WAITING_AFTER), Due::Nothing);
    pace.opened();
    assert_eq!(pace.tick(now + WAITING_AFTER), Due::Tell(News::Waiting));
}

#[test]
fn who_meets_another_tells_nothing_that_was_held_back_and_no_wait_before_it_has_the_request_again() {
    let (mut pace, now) = at_work(false, false, MS * 300);
    pace.opened();
    assert_eq!(pace.wrote("하나.", now), text("하나."));
    assert_eq!(pace.wrote("하나. 둘.", now + MS), None);
    pace.met_another();
    pace.waits(now + MS);
    assert_eq!(pace.tick(now + WAITING_AFTER * 2), Due::Nothing, "the other tells");
    pace.opened();
    assert_eq!(pace.tick(now + WAITING_AFTER * 2), Due::Tell(News::Waiting));
}

#[test]
fn a_later_worker_tells_two_records_without_percentages_and_counts_on() {
    let (mut pace, now) = at_work(true, true, MS * 300);
    assert_eq!(pace.wrote_section("소개", extent(100), now), section("소개", None));
    assert_eq!(pace.wrote_section("기술", extent(900), now + MS * 5_000), None, "the document is to be told, too");
    assert_eq!(pace.stores(now + MS * 5_000), Some(News::Storing));
    assert_eq!(pace.told, LATER_MAX);
    let (mut pace, now) = at_work(false, true, MS * 300);
    assert_eq!(pace.wrote("하나.", now), text("하나."));
    assert!(!pace.is_due(now + MS * 999));
    assert_eq!(pace.wrote("하나. 둘.", now + MS * 1_000), text("하나. 둘."));
    assert!(!pace.is_due(now + MS * 99_000));
}

#[test]
fn where_another_is_at_it_the_rest_is_that_of_a_later_worker() {
    let (mut pace, now) = at_work(false, false, MS * 300);
    assert_eq!(pace.wrote("하나.", now), text("하나."));
    pace.met_another();
    assert_eq!(pace.wrote("하나. 둘.", now + MS * 150), text("하나. 둘."));
    assert!(!pace.is_due(now + MS * 99_000));
}

#[test]
fn a_resume_is_told_in_even_steps_with_room_for_its_document_and_a_wait() {
    let (mut pace, mut now) = at_work(true, false, MS * 300);
    let mut percents = Vec::new();
    for chars in (20..1_500).step_by(10) {
        if let Some(News::Section { percent, .. }) = pace.wrote_section("프로젝트", extent(chars), now) {
            percents.push(percent.unwrap());
        }
        now += MS * 200;
    }
    assert_eq!(percents, [2, 26, 50, 75]);
    assert_eq!(pace.stores(now), Some(News::Storing));
    pace.opened();
    pace.waits(now);
    assert_eq!(pace.tick(now + WAITING_AFTER), Due::Tell(News::Waiting));
    assert_eq!(pace.told, FIRST_MAX);
}

#[test]
fn a_percentage_never_goes_back_though_it_is_written_anew() {
    let (mut pace, now) = at_work(true, false, MS * 300);
    assert_eq!(pace.wrote_section("경력", extent(600), now), section("경력", 60));
    assert_eq!(pace.wrote_section("소개", extent(5), now + MS * 200), None);
    assert_eq!(pace.wrote_section("기술", extent(720), now + MS * 400), section("기술", 72));
    assert_eq!(pace.wrote_section("기술", extent(9_000), now + MS * 600), section("기술", 99));
}

#[test]
fn the_document_takes_the_place_of_a_section_that_was_held_back() {
    let (mut pace, now) = at_work(true, false, MS * 300);
    assert_eq!(pace.wrote_section("소개", extent(10), now), section("소개", 1));
    assert_eq!(pace.wrote_section("경력", extent(800), now + MS * 50), None);
    assert_eq!(pace.stores(now + MS * 60), None);
    assert_eq!(pace.stores(now + MS * 70), None);
    assert_eq!(pace.tick(now + MS * 150), Due::Tell(News::Storing));
    assert_eq!(pace.stores(now + MS * 900), None, "it is told");
}

#[test]
fn numbers_are_milliseconds_since_the_request_and_rise() {
    let now = Instant::now();
    let mut pace = Pace::new(false, false, 40, now);
    assert_eq!(pace.sequence(now), 40);
    assert_eq!(pace.sequence(now), 41);
    assert_eq!(pace.sequence(now + MS * 2_000), 2_040);
    assert_eq!(Pace::new(false, false, -5_000, now).sequence(now + MS * 7), 7, "sent by a clock that is ahead");
}

#[derive(Clone, Debug)]
enum Step {
    Waits,
    GoesOn,
    Opened,
    MeetsAnother,
    Wrote(usize),
    Section(usize),
    Stores,
    Tick,
    Asked(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Waits),
        Just(Step::GoesOn),
        Just(Step::Opened),
        Just(Step::MeetsAnother),
        (1_usize..30).prop_map(Step::Wrote),
        (1_usize..2_000).prop_map(Step::Section),
        Just(Step::Stores),
        Just(Step::Tick),
        any::<bool>().prop_map(Step::Asked),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_what_is_told_keeps_the_contracts_limits(
        is_resume in any::<bool>(),
        is_later in any::<bool>(),
        steps in proptest::collection::vec((step(), 0_u64..700), 0..200),
    ) {
        let start = Instant::now();
        let mut pace = Pace::new(is_resume, is_later, 0, start);
        let (mut now, mut told) = (start, Vec::new());
        for (step, after) in steps {
            now += MS * u32::try_from(after).unwrap();
            let news = match step {
                Step::Waits => { pace.waits(now); None }
                Step::GoesOn => { pace.goes_on(now); None }
                Step::Opened => { pace.opened(); None }
                Step::MeetsAnother => { pace.met_another(); None }
                Step::Wrote(count) => pace.wrote(&"가.".repeat(count), now),
                Step::Section(chars) => pace.wrote_section("경력", extent(chars), now),
                Step::Stores => pace.stores(now),
                Step::Tick => match pace.tick(now) { Due::Tell(news) => Some(news), _ => None },
                Step::Asked(answered) => pace.is_answered(answered, now),
            };
            if let Some(news) = news {
                told.push((now, news, pace.sequence(now)));
            }
        }
        prop_assert!(told.len() <= FIRST_MAX as usize);
        prop_assert!(!is_later || told.len() <= LATER_MAX as usize);
        for pair in told.windows(2) {
            prop_assert!(pair[1].0 - pair[0].0 >= GAP && pair[1].2 >= pair[0].2 + 150);
        }
        let waits = told.iter().filter(|(_, news, _)| *news == News::Waiting).count();
        prop_assert!(waits <= 1);
        let percents: Vec<u8> = told
            .iter()
            .filter_map(|(_, news, _)| if let News::Section { percent, .. } = news { *percent } else { None })
            .collect();
        prop_assert!(percents.is_sorted() && percents.iter().all(|percent| *percent <= PERCENT_MAX));
    }
}
