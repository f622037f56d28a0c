//! Who has a place, and who gives way when all are taken. Whoever waits (for a request's head, or for the next request)
//! costs little and gives way to who comes, the greediest first: so many idle connections keep nobody out. Where all are
//! being served, a few more are let in to be told so, and to answer whoever looks after the process.

use std::collections::{BTreeSet, HashMap};

use tokio::sync::oneshot;

use crate::http::group::Group;

/// How many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Connections, those that are being served and those that wait.
    pub places: usize,
    /// Those that are let in beyond them, to be told.
    pub guests: usize,
    /// Connections of one client that wait.
    pub waiting_of_one: usize,
}

/// How a connection was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    Place,
    /// It is answered once, if it asks for the process's health, and else told to come again.
    Guest,
}

/// All that have been let in.
#[derive(Debug)]
pub struct Places {
    room: Room,
    counter: u64,
    inside: HashMap<u64, Inside>,
    waiting: Line,
    guests: Line,
}

#[derive(Debug)]
struct Inside {
    who: Who,
    entry: Entry,
    /// Since when it waits, by the counter; `None` while it is served.
    since: Option<u64>,
    end: oneshot::Sender<()>,
}

/// One client; those that stand for many give way last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Who {
    is_one: bool,
    group: Group,
}

impl Places {
    pub fn new(room: Room) -> Self {
        Self { room, counter: 0, inside: HashMap::new(), waiting: Line::default(), guests: Line::default() }
    }

    /// Somebody comes: its number, and how it was let in. Who has to give way for that is told by its `end`; so many did.
    pub fn arrive(&mut self, group: Group, is_many: bool, end: oneshot::Sender<()>) -> (u64, Entry, usize) {
        let who = Who { is_one: !is_many, group };
        let mut gone = 0;
        if who.is_one && self.waiting.of(who) >= self.room.waiting_of_one {
            gone += self.end(self.waiting.oldest(who));
        }
        if self.places_taken() >= self.room.places {
            gone += self.end(self.waiting.greediest());
        }
        let entry = if self.places_taken() < self.room.places { Entry::Place } else { Entry::Guest };
        if entry == Entry::Guest && self.guests.count >= self.room.guests {
            gone += self.end(self.guests.greediest());
        }
        let id = self.count();
        match entry {
            Entry::Place => self.waiting.add(who, id, id),
            Entry::Guest => self.guests.add(who, id, id),
        }
        self.inside.insert(id, Inside { who, entry, since: Some(id), end });
        (id, entry, gone)
    }

    /// Its request is served from now on.
    pub fn begin(&mut self, id: u64) {
        if let Some(inside) = self.inside.get_mut(&id)
            && inside.entry == Entry::Place
            && let Some(since) = inside.since.take()
        {
            self.waiting.remove(inside.who, since, id);
        }
    }

    /// It waits again.
    pub fn rest(&mut self, id: u64) {
        let now = self.count();
        if let Some(inside) = self.inside.get_mut(&id)
            && inside.since.is_none()
        {
            inside.since = Some(now);
            self.waiting.add(inside.who, now, id);
        }
    }

    /// It has gone, also if it had to.
    pub fn leave(&mut self, id: u64) {
        drop(self.take_out(id));
    }

    /// Whoever waits for longest of the greediest ends, if anybody waits: how many did.
    pub fn make_room(&mut self) -> usize {
        self.end(self.waiting.greediest())
    }

    fn end(&mut self, id: Option<u64>) -> usize {
        match id.and_then(|id| self.take_out(id)) {
            // One that has just ended by itself is gone as well.
            Some(inside) => drop(inside.end.send(())),
            None => return 0,
        }
        1
    }

    fn take_out(&mut self, id: u64) -> Option<Inside> {
        let inside = self.inside.remove(&id)?;
        if let Some(since) = inside.since {
            match inside.entry {
                Entry::Place => self.waiting.remove(inside.who, since, id),
                Entry::Guest => self.guests.remove(inside.who, since, id),
            }
        }
        Some(inside)
    }

    fn places_taken(&self) -> usize {
        self.inside.len().saturating_sub(self.guests.count)
    }

    fn count(&mut self) -> u64 {
        self.counter = self.counter.saturating_add(1);
        self.counter
    }
}

/// Connections by who has them, and who has most.
#[derive(Debug, Default)]
struct Line {
    count: usize,
    of: HashMap<Who, BTreeSet<(u64, u64)>>,
    /// How many each has; the last is the greediest.
    crowds: BTreeSet<(bool, usize, Who)>,
}

impl Line {
    fn add(&mut self, who: Who, since: u64, id: u64) {
        self.change(who, |theirs| theirs.insert((since, id)));
    }

    fn remove(&mut self, who: Who, since: u64, id: u64) {
        self.change(who, |theirs| theirs.remove(&(since, id)));
    }

    fn change(&mut self, who: Who, change: impl FnOnce(&mut BTreeSet<(u64, u64)>) -> bool) {
        let theirs = self.of.entry(who).or_default();
        let before = theirs.len();
        change(theirs);
        let after = theirs.len();
        self.crowds.remove(&(who.is_one, before, who));
        if after == 0 {
            self.of.remove(&who);
        } else {
            self.crowds.insert((who.is_one, after, who));
        }
        self.count = self.count.saturating_add(after).saturating_sub(before);
    }

    fn of(&self, who: Who) -> usize {
        self.of.get(&who).map_or(0, BTreeSet::len)
    }

    fn oldest(&self, who: Who) -> Option<u64> {
        self.of.get(&who)?.first().map(|(_, id)| *id)
    }

    fn greediest(&self) -> Option<u64> {
        self.crowds.last().and_then(|(_, _, who)| self.oldest(*who))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Room = Room { places: 4, guests: 2, waiting_of_one: 3 };

    /// Connections that have been let in, by a name.
    struct Server {
        places: Places,
        inside: Vec<(u64, oneshot::Receiver<()>)>,
    }

    impl Server {
        fn new(room: Room) -> Self {
            Self { places: Places::new(room), inside: Vec::new() }
        }

        fn arrive(&mut self, client: u8, is_many: bool) -> (usize, Entry) {
            let (end, ended) = oneshot::channel();
            let (id, entry, _) = self.places.arrive(Group::of([192, 0, 2, client].into()), is_many, end);
            self.inside.push((id, ended));
            (self.inside.len() - 1, entry)
        }

        /// Whoever comes and is served.
        fn serve(&mut self, client: u8) -> Entry {
            let (index, entry) = self.arrive(client, false);
            self.places.begin(self.inside[index].0);
            entry
        }

        /// Who had to give way, by when they came.
        fn gone(&mut self) -> Vec<usize> {
            let ended = self.inside.iter_mut().enumerate();
            ended.filter_map(|(index, (_, ended))| ended.try_recv().is_ok().then_some(index)).collect()
        }
    }

    #[test]
    fn who_waits_gives_way_to_who_comes_the_greediest_first() {
        let mut server = Server::new(SMALL);
        for client in [1, 2, 2, 1] {
            assert_eq!(server.arrive(client, false).1, Entry::Place);
        }
        let (index, _) = server.arrive(2, false);
        assert_eq!((index, server.gone()), (4, vec![1]), "the oldest of who has as many and a higher address");
        assert_eq!(server.arrive(3, false).1, Entry::Place);
        assert_eq!(server.gone(), [2], "not the oldest of all");
    }

    #[test]
    fn one_client_has_so_many_that_wait_and_who_stands_for_many_has_more_and_gives_way_last() {
        let mut server = Server::new(Room { places: 6, ..SMALL });
        for _ in 0..4 {
            server.arrive(1, false);
        }
        assert_eq!(server.gone(), [0], "its own oldest");
        let mut server = Server::new(Room { places: 6, ..SMALL });
        for _ in 0..5 {
            server.arrive(1, true);
        }
        assert_eq!((server.arrive(2, false).1, server.gone()), (Entry::Place, vec![]));
        server.arrive(3, false);
        assert_eq!(server.gone(), [5], "one who waits for itself");
        server.arrive(1, true);
        assert_eq!(server.gone(), [6]);
        server.arrive(1, true);
        assert_eq!(server.gone(), [0], "nobody else waits");
    }

    #[test]
    fn who_is_served_keeps_the_place_and_who_comes_then_is_a_guest() {
        let mut server = Server::new(SMALL);
        (0..4).for_each(|_| assert_eq!(server.serve(1), Entry::Place));
        for client in [1, 2] {
            assert_eq!((server.serve(client), server.gone()), (Entry::Guest, vec![]));
        }
        assert_eq!(
            (server.arrive(2, false).1, server.gone()),
            (Entry::Guest, vec![5]),
            "the greediest guest, served or not"
        );
        let (first, last) = (server.inside[0].0, server.inside[6].0);
        server.places.rest(first);
        assert_eq!((server.arrive(3, false).1, server.gone()), (Entry::Place, vec![0]));
        server.places.leave(last);
        assert_eq!(server.places.guests.count, 1);
    }

    #[test]
    fn nothing_is_left_of_who_has_gone() {
        let mut server = Server::new(SMALL);
        for client in 0..100 {
            server.serve(client);
        }
        for (id, _) in std::mem::take(&mut server.inside) {
            server.places.rest(id);
            server.places.leave(id);
            server.places.leave(id);
        }
        let Places { inside, waiting, guests, .. } = &server.places;
        assert!(inside.is_empty());
        for line in [waiting, guests] {
            assert!(line.count == 0 && line.of.is_empty() && line.crowds.is_empty(), "{line:?}");
        }
        assert_eq!(server.places.make_room(), 0);
    }
}
