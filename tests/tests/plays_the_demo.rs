//! The demonstration plays to its end: every story with the state that the API shows.

use e2e::harness::Site;

/// Those that need processes.
const STORIES: [&str; 6] = [
    "rerouted",
    "partner-down",
    "variance",
    "return",
    "unexpected-return",
    "audit",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_story_of_the_demo_comes_to_its_end() {
    // It has partners of its own; it and the harness take turns at building adapters.
    let site = Site::new().sender("shop");
    let ran = site.run(&["demo", "--once"]).await;
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.answer, ran.said);
    for story in STORIES {
        // Each is followed by how long it took.
        let told = format!(" {story}, ");
        assert!(ran.answer.contains(&told), "{story} in {}", ran.answer);
    }
}
