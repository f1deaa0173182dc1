/**
 * Repeats a question until its answer is right.
 * @param seconds the time limit
 * @param ask the question; an error counts as a wrong answer
 * @param right whether an answer is the expected one
 * @param pauseSeconds the pause between two attempts
 * @returns the first right answer
 * @throws Error with the last answer, or the last error, after the time limit
 */
export async function eventually<T>(
    seconds: number,
    ask: () => Promise<T>,
    right: (answer: T) => boolean,
    pauseSeconds = 0.5,
): Promise<T> {
    const deadline = Date.now() + seconds * 1000;
    for (;;) {
        let last: unknown;
        try {
            const answer = await ask();
            if (right(answer)) return answer;
            last = JSON.stringify(answer);
        } catch (error) {
            last = error;
        }
        if (Date.now() > deadline) throw new Error(`not within ${seconds} s; last: ${String(last)}`);
        await new Promise((resolve) => setTimeout(resolve, pauseSeconds * 1000));
    }
}
