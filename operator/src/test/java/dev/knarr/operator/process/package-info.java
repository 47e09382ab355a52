/** The built operator as a process of its own, against a real API server. */
@NullMarked
package dev.knarr.operator.process;

import org.jspecify.annotations.NullMarked;
