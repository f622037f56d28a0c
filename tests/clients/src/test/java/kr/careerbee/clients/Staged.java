package kr.careerbee.clients;

/** Words that bring trouble: what the model does with them was arranged by whoever started this program. */
enum Staged {
    /** The model's server is out of order. */
    MODEL_AWAY,
    /** The model answers with nothing that could be used. */
    BAD_OUTPUT,
    /** Feedback that takes longer than some callers may wait; and a question that does. */
    SLOW_FEEDBACK,
    SLOW_QUESTION,
    /** The model takes a moment for the next question. */
    CLICKED_TWICE,
    /** The model wants to know nothing, not even at first. */
    ENOUGH_AT_ONCE,
    /** The model wants to know nothing more. */
    ENOUGH;

    String words() {
        return System.getenv(name());
    }
}
