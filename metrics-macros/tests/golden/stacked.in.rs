#[track_ryot]
#[track_counter(name = "questions_total")]
#[inline]
async fn ask(question: &str) -> u8 {
    1
}
