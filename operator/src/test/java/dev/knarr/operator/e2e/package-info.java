/** Tests of the whole on a real cluster. */
@NullMarked
package dev.knarr.operator.e2e;

import org.jspecify.annotations.NullMarked;
