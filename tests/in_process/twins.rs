//! The contract suites over the twins that need no service: state in memory, documents in a folder.

use ssammu_worker::documents::folder::FolderDocuments;
use ssammu_worker::state::memory::MemoryState;

use crate::suites;

#[tokio::test]
async fn state_in_memory_keeps_the_contract() {
    let state = MemoryState::new(suites::state::LASTING);
    for (sentence, test) in suites::state::all() {
        println!("{sentence}");
        test(&state).await;
    }
}

#[tokio::test]
async fn state_in_memory_expires() {
    let state = MemoryState::new(suites::expiring::SHORT);
    for (sentence, test) in suites::expiring::all() {
        println!("{sentence}");
        test(&state).await;
    }
}

#[tokio::test]
async fn state_in_memory_forgets_whom_it_should() {
    let state = MemoryState::new(suites::state::LASTING);
    for (sentence, test) in suites::erasing::all() {
        println!("{sentence}");
        test(&state).await;
    }
}

#[tokio::test]
async fn documents_in_a_folder_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let documents = FolderDocuments::new(folder.path().join("문서 %41"), suites::documents::LINK_TTL);
    for (sentence, test) in suites::documents::all() {
        println!("{sentence}");
        test(&documents).await;
    }
}
