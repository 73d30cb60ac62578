/** The picture of an image, or its number where it is gone. Another image needs another key. */

import { useEffect, useRef, useState } from "preact/hooks";
import { pictureAddress, type Side } from "../data/api";
import { fixed, nameOf } from "../data/state";

interface Props {
  row: number;
  side: Side;
  alt?: string;
}

export function Picture({ row, side, alt = "" }: Props) {
  const [gone, setGone] = useState(!fixed.result.pictures);
  const image = useRef<HTMLImageElement>(null);
  // An image that leaves the page would be loaded to its end otherwise, before those that are looked at.
  useEffect(() => {
    const element = image.current;
    return () => element?.removeAttribute("src");
  }, []);
  if (gone) {
    return (
      <span class="picture gone" role="img" aria-label={alt || nameOf(row)}>
        {nameOf(row)}
      </span>
    );
  }
  return (
    <img
      ref={image}
      class="picture"
      src={pictureAddress(row, side)}
      alt={alt}
      draggable={false}
      decoding="async"
      onLoad={(event) => event.currentTarget.classList.add("loaded")}
      onError={() => setGone(true)}
    />
  );
}
