/** One clock for one video or several: they play, stop and jump together. */

export class Playback {
  /** Seconds since the first frame. */
  at = $state(0);
  playing = $state(false);
  speed = $state(1);
  /** Of the longest. */
  length = $state(0);
  #videos = new Set<HTMLVideoElement>();
  #frame = 0;
  #before = 0;

  /** Take a video in; the function that comes back lets it go. An attachment of the element. */
  readonly take = (video: HTMLVideoElement): (() => void) => {
    this.#videos.add(video);
    const known = () => {
      if (Number.isFinite(video.duration)) this.length = Math.max(this.length, video.duration);
      this.#place(video, true);
    };
    video.addEventListener("loadedmetadata", known);
    if (video.readyState > 0) known();
    return () => {
      video.removeEventListener("loadedmetadata", known);
      this.#videos.delete(video);
    };
  };

  /** Another clip, of so many seconds as far as is known. */
  begin(length: number, play: boolean): void {
    this.at = 0;
    this.length = length;
    if (play) this.play();
    else this.pause();
  }

  toggle(): void {
    if (this.playing) this.pause();
    else this.play();
  }

  play(): void {
    if (this.length > 0 && this.at >= this.length - 0.02) this.at = 0;
    this.playing = true;
    this.#before = performance.now();
    for (const video of this.#videos) this.#place(video, true);
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(this.#tick);
  }

  pause(): void {
    this.playing = false;
    cancelAnimationFrame(this.#frame);
    for (const video of this.#videos) {
      video.pause();
      this.#place(video, true);
    }
  }

  /** Jump; it stays as it was, playing or not. */
  seek(seconds: number): void {
    this.at = Math.max(0, Math.min(this.length || seconds, seconds));
    for (const video of this.#videos) this.#place(video, true);
  }

  setSpeed(speed: number): void {
    this.speed = speed;
    for (const video of this.#videos) video.playbackRate = speed;
  }

  stop(): void {
    cancelAnimationFrame(this.#frame);
    this.playing = false;
  }

  #tick = (now: number): void => {
    const passed = ((now - this.#before) / 1000) * this.speed;
    this.#before = now;
    const leader = [...this.#videos].find((video) => !video.paused && !video.ended && video.readyState > 2);
    // The first that plays leads: a browser that stalls must not let the cursor run ahead.
    const waits = [...this.#videos].some((video) => !video.ended && video.readyState < 3);
    this.at = leader ? leader.currentTime : waits ? this.at : this.at + passed;
    if (this.length > 0 && this.at >= this.length) {
      this.at = this.length;
      this.pause();
      return;
    }
    for (const video of this.#videos) if (video !== leader) this.#place(video, false);
    this.#frame = requestAnimationFrame(this.#tick);
  };

  /** Bring a video to the clock: at once, or if it is off by more than eyes forgive. */
  #place(video: HTMLVideoElement, exactly: boolean): void {
    const wanted = Math.min(this.at, Math.max(0, (video.duration || 0) - 0.001));
    if (exactly || Math.abs(video.currentTime - wanted) > 0.12) video.currentTime = wanted;
    video.playbackRate = this.speed;
    const over = this.at >= (video.duration || Infinity);
    if (this.playing && !over && video.paused) void video.play().catch(() => {});
    if (over && !video.paused) video.pause();
  }
}
