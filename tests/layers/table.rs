//! The table of layers in `ARCHITECTURE.md`, the top floor first.

use std::collections::BTreeMap;

#[derive(Debug)]
pub struct Table {
    /// Rooms as from the repository's root; the ground floor is 0.
    floors: BTreeMap<String, usize>,
}

impl Table {
    /// Reads the rows below `## Layers`: the names in backticks in the first column are rooms,
    /// folders with a `/` at their end.
    pub fn read(page: &str) -> Table {
        let section = page.split("\n## Layers").nth(1).expect("`## Layers`");
        let section = section.split("\n## ").next().unwrap_or_default();
        let rows: Vec<Vec<&str>> = section
            .lines()
            .filter_map(|line| line.strip_prefix('|')?.split('|').next())
            .map(|cell| cell.split('`').skip(1).step_by(2).collect())
            .filter(|rooms: &Vec<&str>| !rooms.is_empty())
            .collect();
        let mut floors = BTreeMap::new();
        for (floor, rooms) in rows.iter().rev().enumerate() {
            for room in rooms {
                let before = floors.insert(room.to_string(), floor);
                assert!(before.is_none(), "two rows name {room}");
            }
        }
        Table { floors }
    }

    pub fn floor(&self, room: &str) -> Option<usize> {
        self.floors.get(room).copied()
    }

    pub fn rooms(&self) -> impl Iterator<Item = &str> {
        self.floors.keys().map(String::as_str)
    }

    /// The top floor holds what is not of the library.
    pub fn is_program(&self, file: &str) -> bool {
        let top = self.floors.values().max();
        let mut rooms = self.floors.iter().filter(|(_, floor)| Some(*floor) == top);
        rooms.any(|(room, _)| file.starts_with(room.as_str()))
    }
}
