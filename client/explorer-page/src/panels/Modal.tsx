/** A dialog over the page: Escape closes it, and the focus returns to where it was. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "./Icon";
import { Notices } from "./Notices";

interface Props {
  title: string;
  close: () => void;
  children: ComponentChildren;
  wide?: boolean;
}

export function Modal({ title, close, children, wide = false }: Props) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    box.current!.showModal();
    return () => before?.isConnected && before.focus();
  }, []);
  return (
    <dialog
      ref={box}
      class={wide ? "modal wide" : "modal"}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
    >
      <div class="modal-body">
        <header>
          <h2>{title}</h2>
          <button class="icon" aria-label="Close" title="Close" onClick={close}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
      <Notices layer="modal" />
    </dialog>
  );
}

interface FormProps {
  send: (values: Record<string, string>) => void;
  button: string;
  children: ComponentChildren;
}

/** A form whose one button does the act; Enter does it, too. */
export function Form({ send, button, children }: FormProps) {
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const values: Record<string, string> = {};
        new FormData(event.currentTarget).forEach((value, name) => (values[name] = String(value).trim()));
        send(values);
      }}
    >
      {children}
      <p class="buttons">
        <button class="primary" type="submit">
          {button}
        </button>
      </p>
    </form>
  );
}

interface FieldProps {
  label: string;
  name: string;
  value?: string;
  required?: boolean;
  list?: string;
  hint?: string;
}

/** A line to type into, chosen when the dialog opens. */
export function Field({ label, name, value = "", required = false, list, hint }: FieldProps) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.select(), []);
  return (
    <label class="field">
      {label}
      <input
        ref={input}
        name={name}
        defaultValue={value}
        required={required}
        list={list}
        autocomplete="off"
        maxLength={200}
        autoFocus
      />
      {hint && <small>{hint}</small>}
    </label>
  );
}
